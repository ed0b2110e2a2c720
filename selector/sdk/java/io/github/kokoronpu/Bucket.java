package io.github.kokoronpu;

import java.util.Map;

/** One fixed size: how many tokens of text and frames of sound it holds, and its model files by stage. */
public final class Bucket {
    /** As in file names, such as {@code 5s}. */
    public final String name;
    /** Tokens, both pads included. */
    public final int tokens;
    /** Frames of sound: 600 samples, 25 ms each. */
    public final int frames;
    /** Stage name to model file, relative to the package. */
    public final Map<String, String> models;

    Bucket(String name, int tokens, int frames, Map<String, String> models) {
        this.name = name;
        this.tokens = tokens;
        this.frames = frames;
        this.models = models;
    }

    @Override
    public String toString() {
        return name;
    }
}
