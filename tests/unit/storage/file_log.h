#pragma once

#include <algorithm>
#include <fstream>
#include <optional>

#include "storage/file_io.h"
#include "storage/log_recovery.h"
#include "storage/topic_directory.h"
#include "unit/storage/batches.h"
#include "unit/storage/log_messages.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::test {

inline storage::LogConfig filesOf(std::uint64_t maxBytes) {
    storage::LogConfig config;
    config.maxBytesPerFile = maxBytes;
    return config;
}

/// A log in files in a directory of its own, and a cursor before its first message.
class FileLog {
public:
    explicit FileLog(storage::LogConfig config = {}, std::uint64_t firstSeq = 100)
        : config_(std::move(config)), nextFirstSeq_(firstSeq) {
        config_.directory = directory_.path();
        open(storage::RecoveredLog{});
    }

    storage::TopicLog* operator->() { return &*log_; }
    storage::TopicLog& operator*() { return *log_; }
    storage::LogStore& store() { return *store_; }
    const std::filesystem::path& path() const { return directory_.path(); }
    std::int64_t memory() const { return account_->load(); }

    /// One publish, committed.
    void publish(const std::vector<std::string>& texts) {
        append(*log_, texts);
        const auto committed = log_->commit();
        INFO((committed ? "" : committed.error().text));
        REQUIRE(committed);
    }

    /// Everything that can be read from the beginning.
    std::vector<ReadMessage> all() {
        storage::LogCursor cursor;
        return readAll(*store_, cursor);
    }

    /// The end of the process, and another one that finds the files. Its numbers begin above all others, as
    /// the sequence lease sees to.
    storage::RecoveredLog restart(const storage::TopicState* from = nullptr) {
        close();
        return reopen(from);
    }
    void close() {
        nextFirstSeq_ = std::max(nextFirstSeq_, log_->nextSeq()) + 1000;
        log_.reset();
        store_.reset();
    }
    storage::RecoveredLog reopen(const storage::TopicState* from = nullptr) {
        auto store = newStore();
        auto found = storage::recoverLog(directory_.path(), from, *store);
        INFO((found ? "" : found.error().text));
        REQUIRE(found);
        store_ = std::move(store);
        open(found.value());
        return std::move(found).value();
    }

    /// What the stores told of damage since this was called last.
    std::vector<std::string> takeReports() { return std::exchange(reports_, {}); }

    /// What would be saved of the log now.
    storage::TopicState state() const {
        storage::TopicState state;
        state.nextSeq = log_->nextSeq();
        state.end = storage::toSaved(log_->end());
        return state;
    }

    /// The segment files, the oldest first.
    std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> paths;
        for (const auto& entry : std::filesystem::directory_iterator{directory_.path()}) {
            if (entry.path().extension() == ".log") paths.push_back(entry.path());
        }
        std::ranges::sort(paths);
        return paths;
    }
    ByteVector bytesOf(const std::filesystem::path& file) const { return storage::readFile(file).value(); }

private:
    std::shared_ptr<storage::LogStore> newStore() {
        return std::make_shared<storage::LogStore>(
            account_, [this](const std::string& report) { reports_.push_back(report); });
    }
    void open(const storage::RecoveredLog& found) {
        if (!store_) store_ = newStore();
        log_.emplace(nextFirstSeq_, config_, store_);
        log_->resume(found.end, found.nextSeq);
    }

    const TemporaryDirectory directory_;
    storage::LogConfig config_;
    std::uint64_t nextFirstSeq_;
    const storage::MemoryAccount account_ = newAccount();
    std::vector<std::string> reports_;
    std::shared_ptr<storage::LogStore> store_;
    std::optional<storage::TopicLog> log_;
};

/// Changes one byte of a file where it is: whoever has it open sees it.
inline void flipInFile(const std::filesystem::path& file, std::uint64_t at,
                       std::byte mask = std::byte{0x10}) {
    std::fstream stream{file, std::ios::in | std::ios::out | std::ios::binary};
    stream.seekg(static_cast<std::streamoff>(at));
    const char changed = static_cast<char>(static_cast<std::byte>(stream.get()) ^ mask);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(changed);
    REQUIRE(stream.flush());
}

}  // namespace nsq::test
