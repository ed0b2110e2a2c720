import io.github.kokoronpu.Bucket;
import io.github.kokoronpu.Selector;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;

/** Answers every question of selector.tsv (standard input) with the Java selector; one answer a line. */
public final class Check {
    private static String name(Bucket bucket) {
        return bucket == null ? "-" : bucket.name;
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
