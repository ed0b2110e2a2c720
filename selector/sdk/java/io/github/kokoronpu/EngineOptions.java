package io.github.kokoronpu;

/** How a package is opened. The defaults fit most apps. */
public final class EngineOptions {
    /** Where the NPU stages run. */
    public enum Provider {
        /** The NPU where it is proven to be right and faster on this device; else the CPU. */
        AUTOMATIC,
        CPU,
        /** The NPU without a proof; where it fails, the CPU. */
        NPU
    }

    /** Bytes that open sessions may take; 0 keeps every session that was opened. */
    public long memoryLimit;
    /** Inside one operator; 0 is one per core. */
    public int threads;
    public Provider provider = Provider.AUTOMATIC;
    /** Checks sizes alone, for a folder that only this app writes. */
    public boolean skipHashes;
    /** The library of the NPU's provider, where ONNX Runtime has it not built in. */
    public String plugin;
    /** The path of kokoro_npu_probe; without it, only receipts can choose the NPU. */
    public String probeProgram;
    /** For results of probes. */
    public String cacheFolder;
    /** ONNX Runtime's own operators, also where the package's fused ones could run. */
    public boolean stockOperators;
    /**
     * The library of fused operators, where it is not the package's: a path, or in an Android app whose AAR brought it
     * {@code libkokoro_npu_ops.so}. Its hash is not checked, because the app's signature covers it.
     */
    public String opsLibrary;
}
