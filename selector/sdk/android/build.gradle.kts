// The version of every module is that of this repository's pyproject.toml.
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.android.ai.pack) apply false
    alias(libs.plugins.kotlin.android) apply false
}

val project = rootDir.resolve("../../../pyproject.toml").readText()
val release = checkNotNull(Regex("""(?m)^version = "([^"]+)"""").find(project)) { "pyproject.toml has no version" }

allprojects {
    group = "io.github.kokoronpu"
    version = release.groupValues[1]
}
