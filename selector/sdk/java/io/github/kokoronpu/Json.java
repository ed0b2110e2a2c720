package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON text to maps, lists, strings, doubles, booleans and null. Just enough for a manifest. */
final class Json {
    private static final int DEEPEST = 64;
    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /**
     * Reads one JSON value.
     *
     * @throws IllegalArgumentException where the text is not JSON
     */
    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.space();
        if (json.at != text.length()) {
            throw json.error("the end");
        }
        return value;
    }

    private Object value() {
        space();
        if (at >= text.length() || ++depth > DEEPEST) {
            throw error("a value");
        }
        char c = text.charAt(at);
        Object value;
        if (c == '{') {
            value = object();
        } else if (c == '[') {
            value = array();
        } else if (c == '"') {
            value = string();
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            value = number();
        } else if (word("true")) {
            value = Boolean.TRUE;
        } else if (word("false")) {
            value = Boolean.FALSE;
        } else if (word("null")) {
            value = null;
        } else {
            throw error("a value");
        }
        depth--;
        return value;
    }

    private Map<String, Object> object() {
        Map<String, Object> map = new LinkedHashMap<>();
        expect('{');
        if (!next('}')) {
            do {
                space();
                String key = string();
                expect(':');
                map.put(key, value());
            } while (next(','));
            expect('}');
        }
        return map;
    }

    private List<Object> array() {
        List<Object> list = new ArrayList<>();
        expect('[');
        if (!next(']')) {
            do {
                list.add(value());
            } while (next(','));
            expect(']');
        }
        return list;
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '"') {
                return out.toString();
            }
            out.append(c == '\\' ? escape() : c);
        }
        throw error("a closing quote");
    }

    private char escape() {
        char c = at < text.length() ? text.charAt(at++) : ' ';
        switch (c) {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case '"': case '\\': case '/': return c;
            case 'u':
                if (at + 4 <= text.length()) {
                    at += 4;
                    try {
                        return (char) Integer.parseInt(text.substring(at - 4, at), 16);
                    } catch (NumberFormatException error) {
                        throw error("four hex digits");
                    }
                }
                throw error("four hex digits");
            default: throw error("an escape");
        }
    }

    private Double number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        try {
            return Double.valueOf(text.substring(start, at));
        } catch (NumberFormatException error) {
            throw error("a number");
        }
    }

    private boolean word(String word) {
        boolean found = text.startsWith(word, at);
        at += found ? word.length() : 0;
        return found;
    }

    private boolean next(char c) {
        space();
        boolean found = at < text.length() && text.charAt(at) == c;
        at += found ? 1 : 0;
        return found;
    }

    private void expect(char c) {
        if (!next(c)) {
            throw error("'" + c + "'");
        }
    }

    private void space() {
        while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private IllegalArgumentException error(String expected) {
        return new IllegalArgumentException("manifest, character " + at + ": expected " + expected);
    }
}
