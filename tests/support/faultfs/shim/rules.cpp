#include "rules.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

namespace faultfs {

namespace {

const std::map<std::string, Call> kCalls = {
    {"look", Call::kLook},     {"open", Call::kOpen},         {"create", Call::kCreate},
    {"read", Call::kRead},     {"write", Call::kWrite},       {"allocate", Call::kAllocate},
    {"sync", Call::kSync},     {"truncate", Call::kTruncate}, {"rename", Call::kRename},
    {"unlink", Call::kUnlink}, {"mkdir", Call::kMkdir},
};

const std::map<std::string, int> kErrors = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT},
    {"EROFS", EROFS},   {"SHORT", 0}, {"HOLD", 0},
};

template <typename Value>
Value lookUp(const std::map<std::string, Value>& known, const std::string& word) {
    const auto found = known.find(word);
    if (found != known.end()) return found->second;
    std::fprintf(stderr, "faultfs: a rule has an unknown word: %s\n", word.c_str());
    std::abort();
}

}  // namespace

Rules::Rules(std::string path) : path_(std::move(path)) {}

Rules::Rule Rules::Rule::parse(const std::string& line) {
    Rule rule;
    std::istringstream words{line};
    std::string calls, error, call, option;
    words >> calls >> error;
    for (std::istringstream list{calls}; std::getline(list, call, ',');)
        rule.calls.push_back(lookUp(kCalls, call));
    rule.error = lookUp(kErrors, error);
    rule.holds = error == "HOLD";
    while (words >> option) {
        const std::size_t equals = option.find('=');
        const std::uint64_t number =
            std::strtoull(option.c_str() + std::min(equals + 1, option.size()), nullptr, 10);
        const std::string key = option.substr(0, equals);
        if (key == "room") {
            rule.hasRoom = true;
            rule.room = number;
        } else if (key == "times") {
            rule.times = number;
        } else {
            rule.every = lookUp<std::uint64_t>({{"every", std::max<std::uint64_t>(number, 1)}}, key);
        }
    }
    return rule;
}

Verdict Rules::Rule::judge(std::size_t bytes) {
    if (++seen % every != 0 || times == 0) return {};
    --times;
    if (holds) return {0, SIZE_MAX, true};
    if (error == 0) return {0, std::max<std::size_t>(bytes / 2, 1)};
    if (!hasRoom || (bytes > 0 && room == 0)) return {error};
    const std::size_t fitting = std::min(bytes, room);
    room -= fitting;
    return {0, fitting};
}

Verdict Rules::judge(Call call, std::size_t bytes) {
    const std::lock_guard lock{mutex_};
    reloadIfReplaced();
    bool held = false;
    for (Rule& rule : rules_) {
        if (std::ranges::find(rule.calls, call) == rule.calls.end()) continue;
        Verdict verdict = rule.judge(bytes);
        held = verdict.held = verdict.held || held;
        if (verdict.error != 0 || verdict.bytes < bytes) return verdict;
    }
    return {0, SIZE_MAX, held};
}

void Rules::waitUntilReplaced() {
    const Version before = loaded();
    ::close(::open((path_ + ".held").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (loaded() == before) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

Rules::Version Rules::loaded() {
    const std::lock_guard lock{mutex_};
    reloadIfReplaced();
    return loaded_;
}

void Rules::reloadIfReplaced() {
    struct stat status {};
    const bool present = ::stat(path_.c_str(), &status) == 0;
    const Version version{status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    if (version == loaded_) return;
    loaded_ = version;
    rules_.clear();
    if (!present) return;
    std::ifstream lines{path_};
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) rules_.push_back(Rule::parse(line));
}

}  // namespace faultfs
