package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which bucket for which text; the same answers as the Python that wrote the manifest.
 *
 * <p>{@link #choose} before the text stages, {@link #chooseSound} with the exact frames after {@code duration};
 * {@code null} means: split the text. Immutable, and safe to use from several threads.
 */
public final class Selector {
    private static final int SCHEMA_VERSION = 1;
    private static final int MILLI = 1000;

    private final List<Bucket> buckets = new ArrayList<>();
    private final Map<String, Table> tables = new LinkedHashMap<>();
    private final Map<Integer, Integer> vocabulary = new LinkedHashMap<>();
    private final Set<Integer> pauseMarks = new HashSet<>();
    private final int pauseTokens;

    private static final class Table {
        long[] tokens;
        long[] speeds;
        long[][] frames;
    }

    /**
     * Reads what it needs from the text of {@code manifest.json}.
     *
     * @throws IllegalArgumentException where it is not a manifest of this schema version
     */
    public Selector(String manifest) {
        Map<?, ?> root = map(Json.parse(manifest), "manifest");
        if (number(root.get("schema_version")) != SCHEMA_VERSION) {
            throw new IllegalArgumentException("manifest: expected schema version " + SCHEMA_VERSION);
        }
        for (Object item : list(root.get("buckets"), "buckets")) {
            Map<?, ?> bucket = map(item, "bucket");
            Map<String, String> models = new LinkedHashMap<>();
            for (Map.Entry<?, ?> model : map(bucket.get("models"), "models").entrySet()) {
                models.put((String) model.getKey(), String.valueOf(model.getValue()));
            }
            int tokens = (int) number(bucket.get("tokens"));
            int frames = (int) number(bucket.get("frames"));
            String name = String.valueOf(bucket.get("name"));
            buckets.add(new Bucket(name, tokens, frames, Collections.unmodifiableMap(models)));
        }
        Collections.sort(buckets, new Comparator<Bucket>() {
            @Override
            public int compare(Bucket a, Bucket b) {
                return Integer.compare(a.frames, b.frames);
            }
        });
        Map<?, ?> voices = map(map(root.get("selector"), "selector").get("voices"), "voices");
        for (Map.Entry<?, ?> voice : voices.entrySet()) {
            Map<?, ?> from = map(voice.getValue(), "voice");
            Table table = new Table();
            table.tokens = numbers(from.get("tokens"));
            table.speeds = numbers(from.get("speeds_milli"));
            List<?> rows = list(from.get("frames"), "frames");
            table.frames = new long[rows.size()][];
            boolean whole = rows.size() == table.speeds.length && rows.size() > 1 && table.tokens.length > 1;
            for (int i = 0; i < rows.size(); i++) {
                table.frames[i] = numbers(rows.get(i));
                whole &= table.frames[i].length == table.tokens.length;
            }
            if (!whole) {
                throw new IllegalArgumentException("manifest: the table of voice " + voice.getKey() + " has holes");
            }
            tables.put((String) voice.getKey(), table);
        }
        for (Map.Entry<?, ?> symbol : map(root.get("vocabulary"), "vocabulary").entrySet()) {
            vocabulary.put(((String) symbol.getKey()).codePointAt(0), (int) number(symbol.getValue()));
        }
        Map<?, ?> section = map(root.get("selector"), "selector");
        if (!(section.get("pause_marks") instanceof String)) {
            throw new IllegalArgumentException("manifest, pause_marks: expected a string");
        }
        int[] marks = encode((String) section.get("pause_marks"));
        for (int i = 1; i < marks.length - 1; i++) {
            pauseMarks.add(marks[i]);
        }
        pauseTokens = (int) number(section.get("pause_tokens"));
    }

    /** The buckets, smallest first. */
    public List<Bucket> buckets() {
        return Collections.unmodifiableList(buckets);
    }

    /** Phonemes to ids, a pad (0) at each end; symbols outside the vocabulary are left out. */
    public int[] encode(String phonemes) {
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < phonemes.length(); i += Character.charCount(phonemes.codePointAt(i))) {
            Integer id = vocabulary.get(phonemes.codePointAt(i));
            if (id != null) {
                ids.add(id);
            }
        }
        int[] out = new int[ids.size() + 2];
        for (int i = 0; i < ids.size(); i++) {
            out[i + 1] = ids.get(i);
        }
        return out;
    }

    /**
     * The voices of a mix such as {@code a,b} or {@code a:0.7+b:0.3}, and their weights. Wherever a voice is asked for,
     * it may be a mix.
     *
     * @throws IllegalArgumentException for an unknown voice or a weight that is none
     */
    public List<MixPart> mix(String voice) {
        return MixPart.of(voice, tables.keySet());
    }

    /**
     * Frames that 99 % of texts of that length do not exceed, of a mix the greatest of its voices'; -1 beyond the table.
     *
     * @param tokens as {@link #length} counts them
     * @param speed 1 is the voice's own, 2 is twice as fast
     * @throws IllegalArgumentException for an unknown voice or a speed outside the table
     */
    public long expectedFrames(int tokens, String voice, double speed) {
        long most = 0;
        for (MixPart part : mix(voice)) {
            long frames = frames(tables.get(part.name), tokens, speed);
            if (frames < 0) {
                return -1;
            }
            most = Math.max(most, frames);
        }
        return most;
    }

    private static long frames(Table table, int tokens, double speed) {
        long[] ts = table.tokens;
        long[] ss = table.speeds;
        if (!(speed * MILLI >= ss[0] && speed * MILLI <= ss[ss.length - 1])) {
            String range = ss[0] / (double) MILLI + " to " + ss[ss.length - 1] / (double) MILLI;
            throw new IllegalArgumentException("speed: expected " + range + ", got " + speed);
        }
        if (tokens < 1) {
            throw new IllegalArgumentException("tokens: expected at least 1, got " + tokens);
        }
        if (tokens > ts[ts.length - 1]) {
            return -1;
        }
        long milli = (long) (speed * MILLI);
        long n = Math.max(tokens, ts[0]);
        int i = place(ts, n);
        int j = place(ss, milli);
        long total = row(table, j, i, n) * (ss[j + 1] - milli) + row(table, j + 1, i, n) * (milli - ss[j]);
        long scale = (ts[i + 1] - ts[i]) * (ss[j + 1] - ss[j]);
        return (total + scale - 1) / scale;
    }

    /** How long a text is to {@link #choose}: its tokens (pads included), and more for each pause. */
    public int length(int[] ids) {
        int sum = ids.length;
        for (int i = 0; i + 1 < ids.length; i++) {
            if (pauseMarks.contains(ids[i]) && !pauseMarks.contains(ids[i + 1])) {
                sum += pauseTokens;
            }
        }
        return sum;
    }

    /** The smallest bucket for a text of that length; null: split the text. */
    public Bucket choose(int tokens, String voice, double speed) {
        long frames = expectedFrames(tokens, voice, speed);
        return frames < 0 ? null : chooseSound(frames, tokens);
    }

    /** The smallest bucket that holds exactly so many frames of sound from so many tokens; null: split the text. */
    public Bucket chooseSound(long frames, int tokens) {
        for (Bucket bucket : buckets) {
            if (frames <= bucket.frames && tokens <= bucket.tokens) {
                return bucket;
            }
        }
        return null;
    }

    /** The greatest {@link #length} that {@link #choose} finds a bucket for: the limit of a chunk. 0 if none. */
    public int mostTokens(String voice, double speed) {
        int low = 0;
        int high = 0;
        for (Bucket bucket : buckets) {
            high = Math.max(high, bucket.tokens);
        }
        while (low < high) {
            int middle = (low + high + 1) / 2;
            if (choose(middle, voice, speed) == null) {
                high = middle - 1;
            } else {
                low = middle;
            }
        }
        return low;
    }

    private static int place(long[] knots, long value) {
        int i = 0;
        while (i < knots.length - 2 && knots[i + 1] <= value) {
            i++;
        }
        return i;
    }

    private static long row(Table table, int j, int i, long n) {
        long[] row = table.frames[j];
        return row[i] * (table.tokens[i + 1] - n) + row[i + 1] * (n - table.tokens[i]);
    }

    private static Map<?, ?> map(Object value, String where) {
        if (value instanceof Map) {
            return (Map<?, ?>) value;
        }
        throw new IllegalArgumentException("manifest, " + where + ": expected an object");
    }

    private static List<?> list(Object value, String where) {
        if (value instanceof List) {
            return (List<?>) value;
        }
        throw new IllegalArgumentException("manifest, " + where + ": expected a list");
    }

    private static long[] numbers(Object value) {
        List<?> items = list(value, "numbers");
        long[] out = new long[items.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = number(items.get(i));
        }
        return out;
    }

    private static long number(Object value) {
        if (value instanceof Double && (Double) value == Math.rint((Double) value)) {
            return ((Double) value).longValue();
        }
        throw new IllegalArgumentException("manifest: expected a whole number, got " + value);
    }
}
