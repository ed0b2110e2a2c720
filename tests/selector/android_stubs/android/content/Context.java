package android.content;

import android.content.pm.ApplicationInfo;
import android.content.res.AssetManager;
import java.io.File;

/** An app whose assets, files and cache are folders: in this order as the drill was given them. */
public class Context {
    private File assets, files, cache;

    public void attach(File assets, File files, File cache) {
        this.assets = assets;
        this.files = files;
        this.cache = cache;
    }

    public void attach(Context other) {
        attach(other.assets, other.files, other.cache);
    }

    public AssetManager getAssets() {
        return new AssetManager(assets);
    }

    public File getFilesDir() {
        return files;
    }

    public File getCacheDir() {
        return cache;
    }

    public ApplicationInfo getApplicationInfo() {
        ApplicationInfo info = new ApplicationInfo();
        info.nativeLibraryDir = files.getPath();
        return info;
    }

    public final String getString(int id) {
        return "string " + id;
    }
}
