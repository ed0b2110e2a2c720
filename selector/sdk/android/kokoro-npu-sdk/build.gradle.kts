// The Java code: the engine's classes, selector, splitter, joiner. Its JAR holds R8's rules for what C++ looks up by name.
plugins {
    `java-library`
    `maven-publish`
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

sourceSets.main {
    java.srcDir("../../java")
    resources.srcDir("../../java")
    resources.include("META-INF/proguard/*.pro")
}

publishing.publications.create<MavenPublication>("code") {
    from(components["java"])
}
