// Runs the probe in a process of its own: a driver that aborts or hangs then ends the probe and not the app.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

namespace kokoro_npu {

struct ChildAnswer {
    std::string printed;  // on standard output
    std::string failure;  // empty: it ended by itself, with status 0
};

// Starts a program and reads what it prints, for at most `seconds`; then it is killed.
inline ChildAnswer run_child(const std::vector<std::string>& command, int seconds) {
    using Clock = std::chrono::steady_clock;
    // Android has posix_spawn only since version 9. Between fork and exec nothing is called that could wait for a lock.
    if (::access(command[0].c_str(), X_OK) != 0) return {"", std::string("cannot be started: ") + std::strerror(errno)};
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {"", std::strerror(errno)};
    std::vector<char*> arguments;
    for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    if (child < 0) {
        ::close(ends[0]);
        return {"", std::strerror(errno)};
    }
    ChildAnswer answer;
    const auto until = Clock::now() + std::chrono::seconds(seconds);
    bool late = false;
    for (char block[4096];;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        pollfd waiting{ends[0], POLLIN, 0};
        const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        late = ready == 0;
        const ssize_t got = ready > 0 ? ::read(ends[0], block, sizeof block) : 0;
        if (got <= 0) break;
        answer.printed.append(block, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    if (late) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (late)
        answer.failure = "no answer within " + std::to_string(seconds) + " s";
    else if (WIFSIGNALED(status))
        answer.failure = "crashed by signal " + std::to_string(WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        answer.failure = "ended with status " + std::to_string(WEXITSTATUS(status));
    return answer;
}

}  // namespace kokoro_npu
