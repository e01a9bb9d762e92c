// A topic's state: any bytes decoded, and a state file of records that are any bytes, with checksums that are
// right.

#include <cstring>
#include <vector>

#include "checksum/crc32c.h"
#include "fuzz/input.h"
#include "storage/disk_format.h"
#include "storage/state_journal.h"

namespace {

using namespace nsq;

void decodeAny(sdk::Bytes bytes) {
    storage::TopicState state;
    if (!storage::decode(bytes, state)) return;
    const std::vector<std::byte> once = storage::encode(state);
    storage::TopicState again;
    fuzz::check(once.size() == bytes.size(), "nothing of what was decoded is left out");
    fuzz::check(storage::decode(once, again), "what was encoded can be decoded");
    fuzz::check(storage::encode(again) == once, "what was encoded is decoded to the same");
}

void appendRecord(std::vector<std::byte>& file, std::uint32_t serial, sdk::Bytes body) {
    storage::disk::StateRecordHeader header{storage::disk::kStateMagic, 0, storage::disk::kVersion, serial,
                                            body.size()};
    std::vector<std::byte> record(sizeof header + body.size());
    std::memcpy(record.data(), &header, sizeof header);
    std::copy(body.begin(), body.end(), record.begin() + sizeof header);
    header.crc = crc32c(sdk::Bytes{record}.subspan(storage::disk::kStateCrcBegin));
    std::memcpy(record.data(), &header, sizeof header);
    file.insert(file.end(), record.begin(), record.end());
}

void readFile(sdk::Bytes content) {
    const std::filesystem::path path = fuzz::emptyDirectory() / "state";
    test::writeFile(path, content);
    storage::StateJournal journal{path, false};
    std::string warning;
    const auto state = journal.read(warning);
    fuzz::check(state.ok(), "a file that can be read is no error");
    if (!state.value()) return;
    fuzz::check(journal.saveAll(*state.value()).ok(), "what was read can be saved");
    warning.clear();
    const auto again = journal.read(warning);
    fuzz::check(warning.empty() && again.ok() && again.value(), "what was saved can be read");
    fuzz::check(storage::encode(*again.value()) == storage::encode(*state.value()), "and is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    switch (input.byte() % 3) {
        case 0:
            decodeAny(input.rest());
            break;
        case 1:
            readFile(input.rest());
            break;
        default: {
            std::vector<std::byte> file;
            for (std::uint32_t serial = 0; !input.isEmpty(); ++serial)
                appendRecord(file, serial, input.take(input.number()));
            readFile(file);
        }
    }
    return 0;
}
