// Three modules: the SDK's Java code, the engine for Android with its native libraries, and a sample app. With
// -PkokoroNpuAiPack=<folder>, the packages of Qualcomm's chips join as an AI pack for Google Play.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

// Where `make maven-local` of this repository writes the packages.
val packages: String = providers.gradleProperty("kokoroNpuMaven").getOrElse("../../../dist/kokoro-npu-maven")

dependencyResolutionManagement {
    repositoriesMode.set(RepositoriesMode.FAIL_ON_PROJECT_REPOS)
    repositories {
        google()
        mavenCentral()
        exclusiveContent {
            forRepository { maven { url = uri(settingsDir.resolve(packages)) } }
            filter { includeGroup("io.github.kokoronpu") }
        }
    }
}

rootProject.name = "kokoro-npu-android"
include(":kokoro-npu-sdk", ":kokoro-npu", ":sample")

val aiPack: String? = providers.gradleProperty("kokoroNpuAiPack").orNull
if (aiPack != null) {
    include(":kokoro_npu")
    project(":kokoro_npu").projectDir = settingsDir.resolve(aiPack)
}
