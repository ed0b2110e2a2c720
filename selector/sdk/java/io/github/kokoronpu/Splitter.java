package io.github.kokoronpu;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/**
 * Text of any length to chunks that fit; the same chunks as Python's.
 *
 * <p>At sentence, then clause, then word bounds, balanced, without orphans, never inside a word, abbreviations and
 * numbers respected; every word is in exactly one chunk, and a paragraph or line that fits is one chunk. The first does not wait for
 * the last: text is read and counted as far as the next chunks need. For one thread at a time.
 */
public final class Splitter implements Iterator<Chunk> {
    /** Counts the phonemes of a piece of text, spaces and punctuation included. */
    public interface Count {
        long phonemes(String piece);
    }

    private static final long MOST = 1L << 40; // no text is longer
    private static final long ONE = 1000000; // costs are in millionths
    private static final long[] CUT_COST = {2 * ONE, 4 * ONE, ONE * 3 / 2, ONE * 6 / 10, ONE / 10, 0}; // by bound
    private static final long CHUNK_COST = ONE / 2;
    private static final long ORPHAN_COST = ONE * 3;
    private static final int ORPHAN_WORDS = 2;
    private static final int BLOCK = 5;
    private static final int SMALL = 20;
    private static final int SURELY_LONG = 20;
    private static final int SINGLE = -1; // below all bounds: each word for itself

    private final Words words;
    private final Count count;
    private final long limit;
    private long first;
    private long ceiling;
    /** Whether there is more of what did not fit. */
    private boolean open;
    /** Read already, to see whether it fits. */
    private final ArrayDeque<Word> head = new ArrayDeque<>();
    private final ArrayDeque<Atom> atoms = new ArrayDeque<>();
    private List<Atom> block = new ArrayList<>();
    private long blockSize;
    private final ArrayDeque<Chunk> ready = new ArrayDeque<>();

    /** Chunks of at most {@code limit} phonemes. */
    public Splitter(String text, Count count, long limit) {
        this(text, count, limit, 0);
    }

    /**
     * Chunks of at most {@code limit} phonemes; a single word beyond it is a chunk of its own.
     *
     * @param firstLimit fewer for the first chunk of a text that is split anyway, so that sound starts early; 0 is none
     * @throws IllegalArgumentException for a text without words, or a limit below 1
     */
    public Splitter(String text, Count count, long limit, long firstLimit) {
        if (limit < 1) {
            throw new IllegalArgumentException("chunk limit: expected at least 1 phoneme, got " + limit);
        }
        this.words = new Words(text);
        this.count = count;
        this.limit = Math.min(limit, MOST);
        begin(firstLimit == 0 ? this.limit : Math.min(this.limit, Math.max(1, firstLimit)));
        if (ready.isEmpty() && !open) {
            throw new IllegalArgumentException("text: expected at least one word");
        }
    }

    /** A paragraph, or a line of it: whole where it fits, else opened, with a limit for its first chunk. */
    private void begin(long firstLimit) {
        first = firstLimit;
        ceiling = firstLimit;
        List<Word> beginning = new ArrayList<>();
        long phonemes = 0;
        int space = 0;
        boolean ends;
        do {
            List<Word> sentence = sentence();
            if (sentence.isEmpty()) {
                return; // the end of the text
            }
            Word last = sentence.get(sentence.size() - 1);
            phonemes += size(sentence, limit) + space;
            space = last.spaced ? 1 : 0;
            ends = last.endsChunk;
            beginning.addAll(sentence);
        } while (phonemes <= limit && !ends);
        open = phonemes > limit;
        if (open) {
            head.addAll(beginning);
        } else {
            ready.add(joined(Collections.singletonList(new Atom(beginning, phonemes))));
        }
    }

    @Override
    public boolean hasNext() {
        while (ready.isEmpty()) {
            if (atoms.isEmpty()) {
                if (open) {
                    List<Word> sentence = sentence();
                    open = !sentence.get(sentence.size() - 1).endsChunk;
                    pieces(sentence, ceiling, Bound.CLAUSE.ordinal());
                    ceiling = limit;
                } else if (!block.isEmpty()) {
                    makeReady(grouped(block, first, true));
                    block = new ArrayList<>();
                    blockSize = 0;
                } else {
                    begin(limit);
                    if (ready.isEmpty() && !open) {
                        return false;
                    }
                }
                continue;
            }
            blockSize += atoms.peekFirst().phonemes + 1;
            block.add(atoms.removeFirst());
            if (blockSize >= BLOCK * limit) {
                List<List<Atom>> groups = grouped(block, first, false);
                block = groups.remove(groups.size() - 1); // may still grow
                blockSize = 0;
                for (Atom atom : block) {
                    blockSize += atom.phonemes + 1;
                }
                makeReady(groups);
            }
        }
        return true;
    }

    @Override
    public Chunk next() {
        if (!hasNext()) {
            throw new NoSuchElementException("no more chunks");
        }
        return ready.removeFirst();
    }

    @Override
    public void remove() {
        throw new UnsupportedOperationException();
    }

    private List<Word> sentence() {
        List<Word> run = new ArrayList<>();
        while (run.isEmpty() || run.get(run.size() - 1).bound.compareTo(Bound.SENTENCE) < 0) {
            Word word = head.isEmpty() ? words.next() : head.removeFirst();
            if (word == null) {
                break;
            }
            run.add(word);
        }
        return run;
    }

    /** Phonemes of words said together; of what is surely too long, more than the limit. */
    private long size(List<Word> run, long most) {
        boolean surely = run.size() > 1 && Word.lengthOf(run) > SURELY_LONG * most;
        return surely ? most + 1 : count.phonemes(Word.textOf(run));
    }

    /** {@code run} whole where it fits, else its parts at bounds of {@code cutAt}, and so on down to single words. */
    private void pieces(List<Word> run, long most, int cutAt) {
        long phonemes = size(run, most);
        if (phonemes <= most || run.size() == 1) {
            atoms.add(new Atom(run, phonemes));
            return;
        }
        int finer = Math.max(cutAt - 1, SINGLE);
        boolean smallParts = cutAt == Bound.WORD.ordinal() || cutAt == Bound.INSIDE.ordinal();
        long least = smallParts ? most / SMALL : 0;
        List<Word> part = new ArrayList<>();
        long length = 0;
        for (Word word : run) {
            part.add(word);
            length += word.length + (word.spaced ? 1 : 0);
            if (word.bound.ordinal() >= cutAt && length > least) {
                length = 0;
                pieces(part, most, finer);
                part.clear();
            }
        }
        if (!part.isEmpty()) {
            pieces(part, most, finer);
        }
    }

    /** The cheapest cut of atoms into groups; where not {@code last}, the last group may still grow and costs nothing. */
    private List<List<Atom>> grouped(List<Atom> from, long firstLimit, boolean last) {
        int n = from.size();
        long[] best = new long[n + 1];
        int[] starts = new int[n + 1];
        Arrays.fill(best, 1, n + 1, Long.MAX_VALUE);
        for (int start = 0; start < n; start++) {
            long size = 0;
            int spoken = 0;
            int space = 0;
            long room = start == 0 ? firstLimit : limit;
            for (int end = start + 1; end <= n; end++) {
                Atom atom = from.get(end - 1);
                size += atom.phonemes + space;
                space = atom.space();
                spoken += atom.run.size();
                if (size > room && end > start + 1) {
                    break;
                }
                long cost = best[start];
                if (last || end < n) {
                    long spare = 1000 * Math.max(0, room - size) / room;
                    cost += CHUNK_COST + spare * spare;
                    cost += end < n ? CUT_COST[atom.bound().ordinal()] : 0;
                    cost += spoken <= ORPHAN_WORDS ? ORPHAN_COST : 0;
                }
                if (cost < best[end]) {
                    best[end] = cost;
                    starts[end] = start;
                }
            }
        }
        List<List<Atom>> groups = new ArrayList<>();
        for (int end = n; end > 0; end = starts[end]) {
            groups.add(new ArrayList<>(from.subList(starts[end], end)));
        }
        Collections.reverse(groups);
        return groups;
    }

    /** Where an orphan is left beside a piece that was not cut, the two are cut anew between words. */
    private List<List<Atom>> mended(List<List<Atom>> groups) {
        List<List<Atom>> out = new ArrayList<>();
        for (List<Atom> group : groups) {
            out.add(group);
            if (out.size() < 2) {
                continue;
            }
            List<Atom> before = out.get(out.size() - 2);
            boolean ended = before.get(before.size() - 1).bound().compareTo(Bound.SENTENCE) >= 0;
            if (ended || Math.min(spoken(before), spoken(group)) > ORPHAN_WORDS) {
                continue;
            }
            List<Atom> pair = new ArrayList<>(before);
            pair.addAll(group);
            List<Atom> single = new ArrayList<>();
            for (Atom atom : pair) {
                for (Word word : atom.run) {
                    single.add(new Atom(Collections.singletonList(word), count.phonemes(word.text)));
                }
            }
            List<List<Atom>> anew = grouped(single, out.size() == 2 ? first : limit, true);
            out.subList(out.size() - 2, out.size()).clear();
            out.addAll(anew);
        }
        return out;
    }

    private static int spoken(List<Atom> group) {
        int words = 0;
        for (Atom atom : group) {
            words += atom.run.size();
        }
        return words;
    }

    private static Chunk joined(List<Atom> group) {
        StringBuilder text = new StringBuilder();
        long phonemes = 0;
        int space = 0;
        for (Atom atom : group) {
            text.append(space == 0 ? "" : " ").append(Word.textOf(atom.run));
            phonemes += atom.phonemes + space;
            space = atom.space();
        }
        return new Chunk(text.toString(), phonemes, spoken(group), group.get(group.size() - 1).bound());
    }

    private void makeReady(List<List<Atom>> groups) {
        for (List<Atom> group : mended(groups)) {
            ready.add(joined(group));
            first = limit;
        }
    }
}
