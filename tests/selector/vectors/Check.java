import io.github.kokoronpu.Bound;
import io.github.kokoronpu.Bucket;
import io.github.kokoronpu.Chunk;
import io.github.kokoronpu.Joiner;
import io.github.kokoronpu.MixPart;
import io.github.kokoronpu.Selector;
import io.github.kokoronpu.Splitter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;

/** Answers every question of selector.tsv, split.tsv or join.tsv (standard input) with the Java code; one answer a line. */
public final class Check {
    private static String name(Bucket bucket) {
        return bucket == null ? "-" : bucket.name;
    }

    /** The text of a field: selector/sdk/vectors/split_vectors.py. */
    private static String unescaped(String field) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c == '\\') {
                c = field.charAt(++i);
                c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == '0' ? '\0' : c;
            }
            out.append(c);
        }
        return out.toString();
    }

    private static String split(String[] q) {
        String[] weights = q[1].split("/");
        Splitter.Count count = piece -> {
            long sum = 0;
            for (int i = 0; i < piece.length(); i += Character.charCount(piece.codePointAt(i))) {
                int c = piece.codePointAt(i);
                boolean digit = c >= '0' && c <= '9';
                boolean mark = c > ' ' && c < 127 && !Character.isLetterOrDigit(c);
                sum += Long.parseLong(weights[digit ? 1 : mark ? 2 : 0]);
            }
            return sum;
        };
        StringBuilder out = new StringBuilder();
        try {
            Splitter chunks = new Splitter(
                    unescaped(q.length > 4 ? q[4] : ""), count, Long.parseLong(q[2]), Long.parseLong(q[3]));
            while (chunks.hasNext()) {
                Chunk chunk = chunks.next();
                out.append(out.length() == 0 ? "" : "\\n").append(chunk.phonemes).append(' ').append(chunk.words);
                out.append(' ').append(chunk.bound.name().toLowerCase(Locale.ROOT)).append(' ');
                out.append(chunk.text.replace("\\", "\\\\"));
            }
            return out.toString();
        } catch (IllegalArgumentException error) {
            return "!";
        }
    }

    private static final List<String> NAMES = Arrays.asList("af_quick", "bm_slow", "h\u00e9ro\u00efne \\ \"1\"");

    /** A voice by its place in the vectors' manifest, a weight as Python's float.hex writes it. */
    private static String mix(Selector selector, String voice) {
        StringBuilder out = new StringBuilder();
        try {
            for (MixPart part : selector.mix(voice)) {
                long bits = Double.doubleToLongBits(part.weight) & 0xFFFFFFFFFFFFFL;
                String hex = String.format(Locale.ROOT, "0x1.%013xp%+d", bits, Math.getExponent(part.weight));
                out.append(out.length() == 0 ? "" : " ").append(NAMES.indexOf(part.name)).append(':').append(hex);
            }
            return out.toString();
        } catch (IllegalArgumentException error) {
            return "!";
        }
    }

    /** The form of questions and answers: selector/sdk/vectors/join_vectors.py. */
    private static String join(String[] q) {
        Joiner joiner = new Joiner(Double.parseDouble(q[1]), 24000);
        StringBuilder out = new StringBuilder();
        CRC32 sum = new CRC32();
        for (String chunk : q[2].split(";")) {
            String[] fields = chunk.split(" ");
            String[] at = fields[1].split("-");
            boolean known = at.length == 2;
            List<Float> samples = new ArrayList<>();
            for (String part : fields[2].split(",")) {
                float level = Float.parseFloat(part.split("\\*")[0]) / 8192;
                for (int left = Integer.parseInt(part.split("\\*")[1]); left > 0; left--) {
                    samples.add(samples.size() % 40 < 20 ? level : -level);
                }
            }
            float[] sound = new float[samples.size()];
            for (int i = 0; i < sound.length; i++) {
                sound[i] = samples.get(i);
            }
            int first = known ? Integer.parseInt(at[0]) : Joiner.UNKNOWN;
            int last = known ? Integer.parseInt(at[1]) : Joiner.UNKNOWN;
            Bound bound = Bound.valueOf(fields[0].toUpperCase(Locale.ROOT));
            out.append(added(sum, joiner.push(sound, bound, first, last))).append(' ');
        }
        out.append(added(sum, joiner.finish())).append(' ');
        return out.append(String.format(Locale.ROOT, "%08x", sum.getValue())).toString();
    }

    private static int added(CRC32 sum, float[] samples) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * samples.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(samples);
        sum.update(bytes.array(), 0, bytes.capacity());
        return samples.length;
    }

    private static String answer(Selector selector, String[] q) {
        if (q[0].equals("sound")) {
            return name(selector.chooseSound(Long.parseLong(q[1]), Integer.parseInt(q[2])));
        }
        if (q[0].equals("encode")) {
            StringBuilder out = new StringBuilder();
            for (int id : selector.encode(q[1])) {
                out.append(out.length() == 0 ? "" : " ").append(id);
            }
            return out.toString();
        }
        if (q[0].equals("length")) {
            return String.valueOf(selector.length(selector.encode(q[1])));
        }
        if (q[0].equals("split")) {
            return split(q);
        }
        if (q[0].equals("at")) {
            int[] frames = Arrays.stream(q[2].split(",")).mapToInt(Integer::parseInt).toArray();
            int[] at = Joiner.phonemesAt(q[1], frames, 600);
            return at[0] == Joiner.UNKNOWN ? "-" : at[0] + "-" + at[1];
        }
        if (q[0].equals("join")) {
            return join(q);
        }
        if (q[0].equals("mix")) {
            return mix(selector, q.length > 1 ? q[1] : "");
        }
        int tokens = Integer.parseInt(q[1]);
        double speed = q[3].equals("nan") ? Double.NaN : q[3].equals("inf") ? 1 / 0.0 : Double.parseDouble(q[3]);
        try {
            if (q[0].equals("choose")) {
                return name(selector.choose(tokens, q[2], speed));
            }
            if (q[0].equals("most")) {
                return String.valueOf(selector.mostTokens(q[2], speed));
            }
            long frames = selector.expectedFrames(tokens, q[2], speed);
            return frames < 0 ? "-" : String.valueOf(frames);
        } catch (IllegalArgumentException error) {
            return "!";
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        String manifest = new String(Files.readAllBytes(Paths.get(arguments[0])), StandardCharsets.UTF_8);
        try {
            Selector selector = new Selector(manifest);
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(answer(selector, line.split("\t")));
            }
        } catch (IllegalArgumentException error) {
            out.println(error.getMessage());
            out.flush();
            System.exit(3);
        }
        out.flush();
    }
}
