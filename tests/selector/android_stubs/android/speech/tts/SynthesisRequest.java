package android.speech.tts;

import android.os.Bundle;

/** The stub's fields are what a client set. */
public final class SynthesisRequest {
    public String voice, language = "eng", country = "USA", variant = "";
    public int rate = 100, pitch = 100;
    private final String text;

    public SynthesisRequest(String text, Bundle params) {
        this.text = text;
    }

    public CharSequence getCharSequenceText() {
        return text;
    }

    public String getVoiceName() {
        return voice;
    }

    public String getLanguage() {
        return language;
    }

    public String getCountry() {
        return country;
    }

    public String getVariant() {
        return variant;
    }

    public int getSpeechRate() {
        return rate;
    }

    public int getPitch() {
        return pitch;
    }
}
