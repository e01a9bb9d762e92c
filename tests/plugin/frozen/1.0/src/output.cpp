#include "nsq/sdk/output.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace nsq::sdk {

namespace {

/// Copied bytes are kept in pieces of about this size, so that a long output frees what is sent (chosen,
/// bytes).
constexpr std::size_t kPieceSize = 65536;

}  // namespace

/// What is appended now may be as large as it likes: a single message may be.
void Output::check() const {
    if (size_ > most_) {
        throw std::length_error("it wrote on with more than " + std::to_string(most_) + " bytes unsent");
    }
}

std::vector<std::byte>& Output::tail() {
    if (pieces_.empty() || pieces_.back().owner || pieces_.back().bytes.size() >= kPieceSize)
        pieces_.emplace_back();
    return pieces_.back().bytes;
}

void Output::write(Bytes bytes) {
    check();
    std::vector<std::byte>& to = tail();
    to.insert(to.end(), bytes.begin(), bytes.end());
    size_ += bytes.size();
}

std::byte* Output::extend(std::size_t size) {
    check();
    std::vector<std::byte>& to = tail();
    to.resize(to.size() + size);
    size_ += size;
    return to.data() + to.size() - size;
}

void Output::share(const BufferRef& owner, Bytes bytes) {
    if (bytes.size() < kMinShared) return write(bytes);
    check();
    Piece& piece = pieces_.emplace_back();
    piece.owner = owner;
    piece.shared = bytes;
    size_ += bytes.size();
}

std::size_t Output::peek(std::span<Bytes> pieces) const {
    std::size_t count = 0;
    for (std::size_t i = head_; i < pieces_.size() && count < pieces.size(); ++i) {
        const Bytes unsent = pieces_[i].unsent();
        if (!unsent.empty()) pieces[count++] = unsent;
    }
    return count;
}

void Output::consume(std::size_t count) {
    size_ -= count;
    if (size_ == 0) return clear();
    while (count > 0) {
        Piece& piece = pieces_[head_];
        const std::size_t here = std::min(count, piece.unsent().size());
        piece.begin += here;
        count -= here;
        if (piece.unsent().empty()) {
            piece = Piece{};
            ++head_;
        }
    }
    // Keep the list short when it never runs empty: drop the sent half.
    if (head_ > 32 && head_ * 2 > pieces_.size()) {
        pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
}

void Output::clear() {
    // Idle connections hold no buffer.
    pieces_ = {};
    head_ = 0;
    size_ = 0;
}

}  // namespace nsq::sdk
