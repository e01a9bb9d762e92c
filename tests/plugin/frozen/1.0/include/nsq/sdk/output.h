#pragma once

#include <cstddef>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/shared_buffer.h"

namespace nsq::sdk {

/// The bytes on their way to one client, in order: copied ones, and shared ones that stay where they are
/// until they are sent. The connection owns it and sends it at the end of each turn of its loop. THREAD: the
/// connection's loop.
///
/// A session that writes on and on although Connection::outputRoom() is 0 is stopped: the three functions
/// that append throw std::length_error once the output holds more than the host's limit, which closes the
/// connection. It is far beyond what outputRoom() allows: 16 MiB and four times --max-msg-size.
class Output {
public:
    /// Shared pieces shorter than this are copied: a copy costs less than an entry in writev (measured in
    /// bytes).
    static constexpr std::size_t kMinShared = 512;

    /// Appends a copy of `bytes`.
    void write(Bytes bytes);

    /// Appends `size` bytes for the caller to fill before it does anything else with the output.
    std::byte* extend(std::size_t size);

    /// Appends `bytes`, which lie in `owner`, without copying them unless they are few.
    void share(const BufferRef& owner, Bytes bytes);

    /// Nothing can be appended any more once more than `most` bytes wait to be sent. For the host.
    void limit(std::size_t most) { most_ = most; }

    /// Bytes not sent yet.
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    /// Fills `pieces` with what comes first, as many as fit. Returns how many; valid until the next other
    /// call.
    std::size_t peek(std::span<Bytes> pieces) const;

    /// Forgets the first `count` bytes: they are sent.
    void consume(std::size_t count);

    /// Forgets everything and frees the memory.
    void clear();

private:
    /// A run of copied bytes or one shared span. Copied bytes are kept in `bytes`, `begin` of them sent
    /// already.
    struct Piece {
        std::vector<std::byte> bytes;
        BufferRef owner;
        Bytes shared;
        std::size_t begin = 0;

        Bytes unsent() const { return owner ? shared.subspan(begin) : Bytes{bytes}.subspan(begin); }
    };

    std::vector<std::byte>& tail();
    void check() const;

    std::vector<Piece> pieces_;  ///< those before head_ are sent and empty
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    std::size_t most_ = static_cast<std::size_t>(-1);
};

}  // namespace nsq::sdk
