package android.os;

public class Build {
    public static final String HARDWARE = System.getProperty("stub.hardware", "none");
}
