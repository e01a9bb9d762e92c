#include "faults/code_owners.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nsq::faults {

void CodeOwner::connectionOpened() {
    connections_.fetch_add(1, std::memory_order_relaxed);
    connectionsTotal_.fetch_add(1, std::memory_order_relaxed);
}

void CodeOwner::failed(std::string text) {
    const std::lock_guard lock(mutex_);
    ++errors_;
    lastError_ = std::move(text);
}

CodeOwner::Counts CodeOwner::counts() const {
    const std::lock_guard lock(mutex_);
    return {connections_.load(std::memory_order_relaxed), connectionsTotal_.load(std::memory_order_relaxed),
            requests_.load(std::memory_order_relaxed), errors_, lastError_};
}

CodeOwner& CodeOwners::add(std::string name, std::string file) {
    const std::lock_guard lock(mutex_);
    return owners_.emplace_back(std::move(name), std::move(file));
}

CodeOwner* CodeOwners::ofAddress(const void* address) {
    Dl_info info{};
    if (address == nullptr || ::dladdr(address, &info) == 0) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(owners_, std::string_view{info.dli_fname}, &CodeOwner::file);
    return found == owners_.end() ? nullptr : &*found;
}

void reportHang(spdlog::logger& logger, CodeOwner* owner, std::string_view what,
                std::chrono::milliseconds limit) {
    const double seconds = std::chrono::duration<double>(limit).count();
    if (owner == nullptr) return logger.critical("{}: waited {} s", what, seconds);
    const std::string text = fmt::format("{}: waited {} s for its code", what, seconds);
    logger.critical("PLUGIN: {}: {}", owner->name(), text);
    owner->hangs();
    owner->failed(text);
}

}  // namespace nsq::faults
