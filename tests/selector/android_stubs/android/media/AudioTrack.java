package android.media;

/** A speaker that notes what it is told. */
public class AudioTrack {
    public static final StringBuilder NOTES = new StringBuilder();

    public static int getMinBufferSize(int rate, int channels, int encoding) {
        return 100;
    }

    public void play() {
        NOTES.append("play ");
    }

    public void stop() {
        NOTES.append("stop ");
    }

    public void release() {
        NOTES.append("release ");
    }

    public int write(byte[] bytes, int offset, int length) {
        if (offset == 0) NOTES.append("write ");
        return length;
    }

    public static class Builder {
        public Builder setAudioAttributes(AudioAttributes attributes) {
            return this;
        }

        public Builder setAudioFormat(AudioFormat format) {
            return this;
        }

        public Builder setBufferSizeInBytes(int size) {
            return this;
        }

        public AudioTrack build() {
            return new AudioTrack();
        }
    }
}
