package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A voice in a mix; the weights of a mix add up to 1.
 *
 * <p>A row of a mix is the sum of weight x row over its voices, in double, rounded to float once. The same as
 * {@code selector/choose/voice_mix.py}.
 */
public final class MixPart {
    private static final Pattern WEIGHT = Pattern.compile("[0-9]{1,9}(\\.[0-9]{1,9})?");

    /** The voice, as the package names it. */
    public final String name;

    /** Above 0, at most 1. */
    public final double weight;

    MixPart(String name, double weight) {
        this.name = name;
        this.weight = weight;
    }

    /** Takes a mix apart; a name that is known is never taken apart. */
    static List<MixPart> of(String voice, Collection<String> known) {
        if (known.contains(voice)) {
            return Collections.singletonList(new MixPart(voice, 1));
        }
        List<MixPart> parts = new ArrayList<>();
        double total = 0;
        for (String part : voice.split("[,+]", -1)) {
            int colon = part.lastIndexOf(':');
            boolean weighed = colon >= 0 && !known.contains(trimmed(part));
            String digits = weighed ? part.substring(colon + 1) : "1";
            double weight = WEIGHT.matcher(digits).matches() ? Double.parseDouble(digits) : 0;
            if (weight == 0) {
                throw new IllegalArgumentException("voice: expected a weight above 0 behind each colon, got " + voice);
            }
            String name = trimmed(weighed ? part.substring(0, colon) : part);
            if (!known.contains(name)) {
                throw new IllegalArgumentException("voice: expected one of " + known + ", got " + name);
            }
            parts.add(new MixPart(name, weight));
            total += weight;
        }
        List<MixPart> out = new ArrayList<>();
        for (MixPart part : parts) {
            out.add(new MixPart(part.name, part.weight / total));
        }
        return out;
    }

    private static String trimmed(String text) {
        int first = 0;
        int end = text.length();
        while (first < end && text.charAt(first) == ' ') {
            first++;
        }
        while (end > first && text.charAt(end - 1) == ' ') {
            end--;
        }
        return text.substring(first, end);
    }
}
