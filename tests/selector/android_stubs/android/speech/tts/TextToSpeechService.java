package android.speech.tts;

import android.app.Service;
import java.util.List;

/** Android calls the protected methods; the drill reaches them through {@link #calls}. */
public abstract class TextToSpeechService extends Service {
    public final class Calls {
        public int isLanguageAvailable(String language, String country, String variant) {
            return onIsLanguageAvailable(language, country, variant);
        }

        public String[] language() {
            return onGetLanguage();
        }

        public int loadLanguage(String language, String country, String variant) {
            return onLoadLanguage(language, country, variant);
        }

        public void stop() {
            onStop();
        }

        public void synthesize(SynthesisRequest request, SynthesisCallback callback) {
            onSynthesizeText(request, callback);
        }
    }

    public final Calls calls = new Calls();

    /** As Android does, it asks for a language before the engine's own `onCreate` goes on. */
    @Override
    public void onCreate() {
        onLoadLanguage("eng", "USA", "");
    }

    protected abstract int onIsLanguageAvailable(String language, String country, String variant);

    protected abstract String[] onGetLanguage();

    protected abstract int onLoadLanguage(String language, String country, String variant);

    protected abstract void onStop();

    protected abstract void onSynthesizeText(SynthesisRequest request, SynthesisCallback callback);

    public List<Voice> onGetVoices() {
        return null;
    }

    public int onIsValidVoiceName(String name) {
        return TextToSpeech.ERROR;
    }

    public int onLoadVoice(String name) {
        return TextToSpeech.ERROR;
    }

    public String onGetDefaultVoiceNameFor(String language, String country, String variant) {
        return null;
    }
}
