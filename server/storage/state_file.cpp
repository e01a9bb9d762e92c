#include "storage/state_file.h"

#include <cstring>

#include "storage/crc32c.h"
#include "storage/disk_format.h"
#include "storage/file_io.h"

namespace nsq::storage {

namespace {

/// Where the CRC begins: behind the magic, the version and the CRC itself.
constexpr std::size_t kCrcBegin = 16;

sdk::Error damaged(const std::filesystem::path& path, std::string_view what) {
    return {sdk::ErrorCode::kStorage, path.string() + ": damaged: " + std::string(what)};
}

}  // namespace

sdk::Result<void> writeState(const std::filesystem::path& path, const ReaderState& state) {
    disk::StateHeader header{disk::kStateMagic, disk::kVersion,  0,
                             state.nextSeq,     state.cursorSeq, state.pending.size()};
    std::vector<std::byte> bytes(sizeof header + state.pending.size() * sizeof(disk::PendingRecord));
    std::byte* to = bytes.data() + sizeof header;
    for (const PendingState& pending : state.pending) {
        const disk::PendingRecord record{pending.seq, pending.dueNs, pending.attempts, 0};
        std::memcpy(to, &record, sizeof record);
        to += sizeof record;
    }
    std::memcpy(bytes.data(), &header, sizeof header);
    header.crc = crc32c(sdk::Bytes{bytes}.subspan(kCrcBegin));
    std::memcpy(bytes.data(), &header, sizeof header);
    return replaceFile(path, bytes);
}

sdk::Result<ReaderState> readState(const std::filesystem::path& path) {
    sdk::Result<std::vector<std::byte>> content = readFile(path);
    if (!content) return content.error();
    const sdk::Bytes bytes{content.value()};
    disk::StateHeader header;
    if (bytes.size() < sizeof header) return damaged(path, "too short");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != disk::kStateMagic) return damaged(path, "not a state file");
    if (header.version != disk::kVersion)
        return damaged(path, "unknown version " + std::to_string(header.version));
    if (crc32c(bytes.subspan(kCrcBegin)) != header.crc) return damaged(path, "checksum does not match");
    if (header.pendingCount != (bytes.size() - sizeof header) / sizeof(disk::PendingRecord)) {
        return damaged(path, "count does not match its size");
    }
    ReaderState state{header.nextSeq, header.cursorSeq, {}};
    state.pending.reserve(header.pendingCount);
    for (std::uint64_t i = 0; i < header.pendingCount; ++i) {
        disk::PendingRecord record;
        std::memcpy(&record, bytes.data() + sizeof header + i * sizeof record, sizeof record);
        state.pending.push_back({record.seq, record.dueNs, static_cast<std::uint16_t>(record.attempts)});
    }
    return state;
}

}  // namespace nsq::storage
