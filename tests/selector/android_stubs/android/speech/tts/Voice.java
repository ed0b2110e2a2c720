package android.speech.tts;

import java.util.Locale;
import java.util.Set;

public class Voice {
    public static final int QUALITY_HIGH = 400;
    public static final int LATENCY_NORMAL = 300;
    private final String name;
    private final Locale locale;

    public Voice(String name, Locale locale, int quality, int latency, boolean network, Set<String> features) {
        this.name = name;
        this.locale = locale;
    }

    public String getName() {
        return name;
    }

    public Locale getLocale() {
        return locale;
    }
}
