#include "protocol/v2/mpub_reader.h"

#include <string>

namespace nsq::v2 {

MpubReader::State MpubReader::read(sdk::Bytes data) {
    while (data.size() >= next_) {
        if (step_ == Step::kEnd) return State::kComplete;
        if (step_ == Step::kMessageBody) {
            endMessage();
            continue;
        }
        const std::int64_t value = sdk::loadBig<std::int32_t>(data.data() + next_ - kIntSize);
        const bool good = step_ == Step::kBodySize ? checkBodySize(value)
                          : step_ == Step::kCount  ? checkCount(value)
                                                   : checkMessageSize(value);
        if (!good) return State::kInvalid;
    }
    return State::kIncomplete;
}

bool MpubReader::checkBodySize(std::int64_t size) {
    if (size <= 0) return fail(code::kBadBody, "MPUB invalid body size " + std::to_string(size));
    if (size > maxBodySize_) {
        return fail(code::kBadBody,
                    "MPUB body too big " + std::to_string(size) + " > " + std::to_string(maxBodySize_));
    }
    step_ = Step::kCount;
    next_ += kIntSize;
    return true;
}

bool MpubReader::checkCount(std::int64_t count) {
    // A message takes 5 bytes at least, and the count itself 4.
    if (count <= 0 || count > (maxBodySize_ - 4) / 5) {
        return fail(code::kBadBody, "MPUB invalid message count " + std::to_string(count));
    }
    count_ = count;
    step_ = Step::kMessageSize;
    next_ += kIntSize;
    return true;
}

bool MpubReader::checkMessageSize(std::int64_t size) {
    if (size <= 0) {
        return fail(code::kBadMessage,
                    "MPUB invalid message(" + std::to_string(index_) + ") body size " + std::to_string(size));
    }
    if (size > maxMsgSize_) {
        return fail(code::kBadMessage,
                    "MPUB message too big " + std::to_string(size) + " > " + std::to_string(maxMsgSize_));
    }
    // nsqd has no such limit: there a body of 10 bytes may hold a million messages of a megabyte each.
    const std::int64_t bodyNow = static_cast<std::int64_t>(next_ - kIntSize) + size;
    if (bodyNow > maxBodySize_) {
        return fail(code::kBadBody,
                    "MPUB body too big " + std::to_string(bodyNow) + " > " + std::to_string(maxBodySize_));
    }
    step_ = Step::kMessageBody;
    next_ += static_cast<std::size_t>(size);
    return true;
}

void MpubReader::endMessage() {
    ++index_;
    if (index_ == count_) {
        step_ = Step::kEnd;
    } else {
        step_ = Step::kMessageSize;
        next_ += kIntSize;
    }
}

bool MpubReader::fail(std::string_view code, std::string description) {
    error_ = {code, std::move(description)};
    return false;
}

void MpubReader::bodies(sdk::Bytes data, std::vector<sdk::Bytes>& bodies) const {
    bodies.clear();
    sdk::Bytes rest = data.first(next_).subspan(kHeaderSize);
    while (!rest.empty()) {
        const auto size = static_cast<std::size_t>(sdk::loadBig<std::int32_t>(rest.data()));
        bodies.push_back(rest.subspan(kIntSize, size));
        rest = rest.subspan(kIntSize + size);
    }
}

}  // namespace nsq::v2
