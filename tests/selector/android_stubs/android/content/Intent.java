package android.content;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;

public class Intent {
    private final Map<String, Object> extras = new HashMap<>();

    public Intent putExtra(String name, String value) {
        extras.put(name, value);
        return this;
    }

    public Intent putStringArrayListExtra(String name, ArrayList<String> value) {
        extras.put(name, value);
        return this;
    }

    public String getStringExtra(String name) {
        return (String) extras.get(name);
    }

    @SuppressWarnings("unchecked")
    public ArrayList<String> getStringArrayListExtra(String name) {
        return (ArrayList<String>) extras.get(name);
    }
}
