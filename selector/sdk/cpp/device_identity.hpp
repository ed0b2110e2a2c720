// Which device this is: what a manifest's `devices` knows it by, and what a probe's result holds for.
#pragma once

#include <sys/utsname.h>

#include <string>

#ifdef __ANDROID__
#include <sys/system_properties.h>
#endif

namespace kokoro_npu {

struct DeviceIdentity {
    std::string soc;    // ro.soc.model; empty before Android 12
    std::string model;  // ro.product.model
    std::string build;  // of the system: a new driver comes with a new build
};

inline DeviceIdentity this_device() {
#ifdef __ANDROID__
    const auto property = [](const char* name) {
        char value[PROP_VALUE_MAX] = {};
        return std::string(value, static_cast<std::size_t>(__system_property_get(name, value)));
    };
    return {property("ro.soc.model"), property("ro.product.model"), property("ro.build.fingerprint")};
#else
    utsname system{};
    ::uname(&system);
    return {"", "", std::string(system.machine) + ' ' + system.sysname + ' ' + system.release};
#endif
}

}  // namespace kokoro_npu
