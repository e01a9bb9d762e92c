#include "storage/state_journal.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "checksum/crc32c.h"
#include "storage/disk_format.h"
#include "storage/file_io.h"

namespace nsq::storage {

namespace {

/// A file up to this size is not written anew, however many changes it has (chosen, bytes).
constexpr std::uint64_t kSmall = 64 * 1024;

/// Nor one of which the changes are not this many times the rest (chosen).
constexpr std::uint64_t kChangesToAll = 2;

std::vector<std::byte> recordOf(const TopicState& state, std::uint32_t serial) {
    disk::StateRecordHeader header{disk::kStateMagic, 0, disk::kVersion, serial, 0};
    std::vector<std::byte> record = encode(state, sizeof header);
    header.bytes = record.size() - sizeof header;
    std::memcpy(record.data(), &header, sizeof header);
    header.crc = crc32c(sdk::Bytes{record}.subspan(disk::kStateCrcBegin));
    std::memcpy(record.data(), &header, sizeof header);
    return record;
}

/// Takes the record that `bytes` begin with off them; false when it is damaged.
bool takeRecord(sdk::Bytes& bytes, std::uint32_t serial, TopicState& state) {
    disk::StateRecordHeader header;
    if (bytes.size() < sizeof header) return false;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != disk::kStateMagic || header.version != disk::kVersion || header.serial != serial)
        return false;
    if (header.bytes > bytes.size() - sizeof header) return false;
    const std::size_t size = sizeof header + header.bytes;
    if (crc32c(bytes.first(size).subspan(disk::kStateCrcBegin)) != header.crc) return false;
    if (!decode(bytes.first(size).subspan(sizeof header), state)) return false;
    bytes = bytes.subspan(size);
    return true;
}

}  // namespace

sdk::Result<std::optional<TopicState>> StateJournal::read(std::string& warning) {
    std::error_code failure;
    if (!std::filesystem::exists(path_, failure) && !failure) return std::optional<TopicState>{};
    const auto content = readFile(path_);
    if (!content) return content.error();
    sdk::Bytes rest{content.value()};
    std::optional<TopicState> state;
    TopicState record;
    for (std::uint32_t serial = 0; !rest.empty(); ++serial) {
        if (!takeRecord(rest, serial, record)) {
            warning = path_.string() + ": damaged from byte " +
                      std::to_string(content.value().size() - rest.size()) +
                      " on: " + (state ? "the state before it is used" : "nothing of it can be used");
            break;
        }
        if (state) {
            apply(*state, std::move(record));
        } else {
            state = std::move(record);
        }
    }
    if (state) {
        settle(state->deferred);
        for (ChannelState& channel : state->channels) settle(channel.kept);
    }
    return state;
}

bool StateJournal::wantsAll() const {
    return serial_ == 0 || (size_ > kSmall && size_ - allSize_ > kChangesToAll * allSize_);
}

sdk::Result<void> StateJournal::saveAll(const TopicState& state) {
    const std::vector<std::byte> record = recordOf(state, 0);
    serial_ = 0;
    const std::filesystem::path temporary = path_.string() + ".tmp";
    {
        const auto file = createFile(temporary);
        if (!file) return file.error();
        auto written = writeAt(file.value(), 0, record, temporary);
        if (written && durable_) written = syncFile(file.value(), temporary);
        if (!written) return written;
    }
    std::error_code failure;
    std::filesystem::rename(temporary, path_, failure);
    if (failure) return storageError(path_, "cannot be replaced", failure.value());
    serial_ = 1;
    size_ = allSize_ = record.size();
    return {};
}

sdk::Result<void> StateJournal::saveChange(const TopicState& change) {
    const std::uint32_t serial = std::exchange(serial_, 0);  // until it is known to be well
    const std::vector<std::byte> record = recordOf(change, serial);
    const auto file = openFile(path_, O_WRONLY);
    if (!file) return file.error();
    if (auto written = writeAt(file.value(), size_, record, path_); !written) return written;
    serial_ = serial + 1;
    size_ += record.size();
    return {};
}

sdk::Result<void> StateJournal::sync() const {
    const auto file = openFile(path_, O_RDONLY);
    if (!file) return file.error();
    return syncFile(file.value(), path_);
}

}  // namespace nsq::storage
