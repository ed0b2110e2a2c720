package android.app;

import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.view.View;

public class Activity extends Context {
    public int resultCode;
    public Intent resultData;
    public boolean finished;
    private Intent asked = new Intent();

    protected void onCreate(Bundle savedInstanceState) {}

    protected void onDestroy() {}

    public Intent getIntent() {
        return asked;
    }

    public void setIntent(Intent intent) {
        asked = intent;
    }

    public final void setResult(int code, Intent data) {
        resultCode = code;
        resultData = data;
    }

    public void finish() {
        finished = true;
    }

    public void setContentView(View view) {}

    public final void runOnUiThread(Runnable action) {
        action.run();
    }

    /** For the drill: what Android does when it starts the activity. */
    public void begin(Context app) {
        attach(app);
        onCreate(null);
    }
}
