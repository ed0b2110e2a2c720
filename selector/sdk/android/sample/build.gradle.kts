// The sample app: Android's text-to-speech service on the engine, and an activity that speaks what is typed.
//   -PkokoroNpuWeights=demo            whose packages; Kokoro-82M's by default
//   -PkokoroNpuTargets=cpu,qnn         which of them; for qnn, Qualcomm's plugin for ONNX Runtime comes along
//   -PkokoroNpuAiPack=<folder>         the packages of Qualcomm's chips, delivered by Google Play
plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

val weights: String = providers.gradleProperty("kokoroNpuWeights").getOrElse("kokoro-82m-int8")
val targets: List<String> = providers.gradleProperty("kokoroNpuTargets").getOrElse("cpu").split(",")
val aiPack: String? = providers.gradleProperty("kokoroNpuAiPack").orNull

android {
    namespace = "io.github.kokoronpu.sample"
    compileSdk = 36

    defaultConfig {
        applicationId = "io.github.kokoronpu.sample"
        minSdk = if ("nnapi" in targets) 27 else 24 // as the packages say
        targetSdk = 36
        versionCode = 1
        versionName = version.toString()
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            signingConfig = signingConfigs.getByName("debug") // a sample
        }
    }
    // The probe is a program and QNN's libraries are opened by path: Android must unpack them when it installs the app.
    packaging { jniLibs { useLegacyPackaging = true } }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    if (aiPack != null) {
        assetPacks += ":kokoro_npu"
        bundle {
            deviceTargetingConfig = rootDir.resolve(aiPack).resolve("device_targeting_config.xml")
            deviceGroup { enableSplit = true; defaultGroup = "other" }
        }
    }
}

kotlin.compilerOptions.jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11

dependencies {
    implementation(project(":kokoro-npu"))
    runtimeOnly("io.github.kokoronpu:kokoro-npu-english:$version") // what AppPhonemizer.kt reads
    for (target in targets) runtimeOnly("io.github.kokoronpu:kokoro-npu-model-$weights-$target:$version")
    if (targets.any { it.startsWith("qnn") }) runtimeOnly(libs.onnxruntime.qnn)
}
