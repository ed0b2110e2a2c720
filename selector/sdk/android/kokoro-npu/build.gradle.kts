// The engine for Android: libkokoro_npu.so, the probe's program, and the classes that give both their paths in an app.
plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
    `maven-publish`
}

val unpacked = layout.buildDirectory.dir("onnxruntime")

android {
    namespace = "io.github.kokoronpu"
    compileSdk = 36
    ndkVersion = "28.2.13676358" // from r28 on, libraries are linked for pages of 16 KB; CMakeLists.txt asks for it, too

    defaultConfig {
        minSdk = 24 // ONNX Runtime's own; the package for NNAPI asks for 27
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") } // phones, and emulators on a computer
        externalNativeBuild.cmake {
            arguments += listOf("-DORT_ANDROID=${unpacked.get().asFile}", "-DANDROID_STL=c++_static")
        }
    }
    externalNativeBuild.cmake {
        path = file("CMakeLists.txt")
        version = "3.22.1" // the least that CMakeLists.txt takes, and a package of the Android SDK
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    publishing { singleVariant("release") }
}

kotlin.compilerOptions.jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11

// CMake needs ONNX Runtime's headers and library as files. Its AAR has both, but not as Gradle hands them to CMake.
val onnxruntimeFiles: Configuration by configurations.creating { isTransitive = false }

val unpackOnnxruntime = tasks.register<Sync>("unpackOnnxruntime") {
    from({ onnxruntimeFiles.map { zipTree(it) } }) { include("headers/**", "jni/**") }
    into(unpacked)
}

tasks.matching { it.name.startsWith("configureCMake") }.configureEach { dependsOn(unpackOnnxruntime) }

dependencies {
    api(project(":kokoro-npu-sdk"))
    api(libs.onnxruntime)
    onnxruntimeFiles(variantOf(libs.onnxruntime) { artifactType("aar") })
}

publishing.publications.register<MavenPublication>("engine") {
    afterEvaluate { from(components["release"]) }
}
