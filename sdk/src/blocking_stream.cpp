#include "nsq/sdk/blocking_stream.h"

namespace nsq::sdk {

BlockingStream::Deadline BlockingStream::deadlineAfter(std::chrono::milliseconds timeout) {
    const Deadline now = Clock::now();
    return timeout < std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::max() - now)
               ? now + timeout
               : Deadline::max();
}

StreamStatus BlockingStream::read(std::string& bytes, std::size_t maxBytes) {
    dropIfEnded();
    const StreamStatus status = receiveUntil(1);
    if (status == StreamStatus::kOk) bytes = takeUnread(maxBytes);
    return status;
}

StreamStatus BlockingStream::readLine(std::string& line, std::size_t maxBytes) {
    dropIfEnded();
    const Deadline deadline = deadlineAfter(readTimeout_);
    std::size_t end = unread().find('\n');
    while (end == std::string_view::npos && unread().size() <= maxBytes) {
        const std::size_t searched = unread().size();
        const StreamStatus status = receiveMore(deadline);
        if (status != StreamStatus::kOk) return status;
        end = unread().find('\n', searched);
    }
    if (end > maxBytes) return StreamStatus::kTooLong;
    line = takeUnread(end + 1);
    line.pop_back();
    if (line.ends_with('\r')) line.pop_back();
    return StreamStatus::kOk;
}

StreamStatus BlockingStream::readExactly(std::string& bytes, std::size_t count) {
    dropIfEnded();
    const StreamStatus status = receiveUntil(count);
    if (status == StreamStatus::kOk) bytes = takeUnread(count);
    return status;
}

void BlockingStream::dropUnread() {
    received_.clear();
    begin_ = 0;
}

void BlockingStream::dropIfEnded() {
    if (hasEnded()) dropUnread();
}

StreamStatus BlockingStream::receiveMore(Deadline deadline) {
    received_.erase(0, begin_);
    begin_ = 0;
    return receive(received_, deadline);
}

StreamStatus BlockingStream::receiveUntil(std::size_t count) {
    const Deadline deadline = deadlineAfter(readTimeout_);
    while (unread().size() < count) {
        const StreamStatus status = receiveMore(deadline);
        if (status != StreamStatus::kOk) return status;
    }
    return StreamStatus::kOk;
}

std::string BlockingStream::takeUnread(std::size_t count) {
    std::string taken{unread().substr(0, count)};
    begin_ += taken.size();
    return taken;
}

}  // namespace nsq::sdk
