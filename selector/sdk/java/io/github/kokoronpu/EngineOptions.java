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
}
