#include "broker/metadata_writer.h"

namespace nsq::broker {

namespace {

/// A failed write is tried again without waiting for the next change (chosen).
constexpr std::chrono::seconds kRetryAfter{1};

/// While nobody waits for it, it may be busy for one part of this many: with ten thousand topics a write
/// takes long, and there is no end of changes while they are made (chosen).
constexpr int kPause = 10;

}  // namespace

MetadataWriter::MetadataWriter(std::filesystem::path file, Collect collect, spdlog::logger& logger)
    : file_(std::move(file)), collect_(std::move(collect)), logger_(logger), thread_([this] { run(); }) {}

MetadataWriter::~MetadataWriter() {
    static_cast<void>(stop());
}

void MetadataWriter::changed() {
    const std::lock_guard lock{mutex_};
    ++requested_;
    wake_.notify_one();
}

sdk::Result<void> MetadataWriter::flush() {
    std::unique_lock lock{mutex_};
    if (stopping_) return sdk::Error{sdk::ErrorCode::kExiting, "the server is stopping"};
    const std::uint64_t mine = awaited_ = ++requested_;
    wake_.notify_one();
    written_.wait(lock, [&] { return done_ >= mine; });
    return last_;
}

sdk::Result<void> MetadataWriter::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    return lastResult();
}

sdk::Result<void> MetadataWriter::lastResult() const {
    const std::lock_guard lock{mutex_};
    return last_;
}

void MetadataWriter::run() {
    using Clock = std::chrono::steady_clock;
    std::unique_lock lock{mutex_};
    Clock::time_point notBefore{};
    for (;;) {
        const auto due = [&] { return stopping_ || done_ < requested_; };
        if (last_) {
            wake_.wait(lock, due);
        } else if (!wake_.wait_for(lock, kRetryAfter, due)) {
            ++requested_;
        }
        wake_.wait_until(lock, notBefore, [&] { return stopping_ || done_ < awaited_; });
        if (done_ == requested_) return;
        const std::uint64_t upTo = requested_;
        lock.unlock();
        const Clock::time_point began = Clock::now();
        sdk::Result<void> result = storage::writeMetadata(file_, collect_());
        if (!result) logger_.error("failed to persist metadata - {}", result.error().text);
        notBefore = Clock::now() + kPause * (Clock::now() - began);
        lock.lock();
        last_ = std::move(result);
        done_ = upTo;
        written_.notify_all();
    }
}

}  // namespace nsq::broker
