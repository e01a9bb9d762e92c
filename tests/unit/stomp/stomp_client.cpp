#include "stomp_client.h"

#include <catch2/catch.hpp>

namespace nsq::stomp {

namespace {

std::string readableFrame(const std::string& frame) {
    if (frame.empty()) return "~";
    const std::string command = frame.substr(0, frame.find('\n'));
    const std::string body = frame.substr(frame.find("\n\n") + 2);
    if (command == "CONNECTED")
        return command + ' ' + headerOf(frame, "version") + ' ' + headerOf(frame, "heart-beat");
    if (command == "MESSAGE")
        return '#' + headerOf(frame, "subscription") + ' ' + headerOf(frame, "attempts") + ' ' + body;
    if (command == "RECEIPT") return "receipt " + headerOf(frame, "receipt-id");
    if (command != "ERROR") return '?' + frame;
    const std::string receipt = headerOf(frame, "receipt-id");
    return '!' + headerOf(frame, "message") + (receipt.empty() ? "" : " (" + receipt + ')');
}

}  // namespace

std::string frame(std::string_view text) {
    return std::string{text} + '\0';
}

Lines splitOutput(std::string_view output) {
    Lines frames;
    while (!output.empty()) {
        if (output.starts_with('\n')) {
            frames.emplace_back();
            output.remove_prefix(1);
            continue;
        }
        const std::size_t head = output.find("\n\n") + 2;
        const std::string length = headerOf(output.substr(0, head), "content-length");
        const std::size_t end = length.empty() ? output.find('\0') : head + std::stoul(length);
        REQUIRE(end < output.size());
        REQUIRE(output[end] == '\0');
        frames.emplace_back(output.substr(0, end));
        output.remove_prefix(end + 1);
    }
    return frames;
}

std::string headerOf(std::string_view frame, std::string_view name) {
    const std::string_view head = frame.substr(0, frame.find("\n\n"));
    const std::string line = '\n' + std::string{name} + ':';
    const std::size_t at = head.find(line);
    if (at == std::string_view::npos) return {};
    const std::string_view value = head.substr(at + line.size());
    return std::string{value.substr(0, value.find('\n'))};
}

Lines readable(std::string_view output) {
    Lines lines;
    for (const std::string& frame : splitOutput(output)) lines.push_back(readableFrame(frame));
    return lines;
}

Lines Client::sendRaw(std::string_view bytes) {
    if (!bytes.empty()) connection.receive(bytes);
    connection.endTurn();
    const std::string output = connection.sent();
    frames_ = splitOutput(output);
    return readable(output);
}

Client& Client::connect(std::string_view headers) {
    const Lines answer = send("CONNECT\n" + std::string{headers} + '\n');
    REQUIRE(answer.size() == 1);
    REQUIRE(answer[0].starts_with("CONNECTED "));
    return *this;
}

void publish(sdk::testing::FakeHost& host, std::string_view topic, const Lines& bodies) {
    std::vector<sdk::Bytes> bytes;
    for (const std::string& body : bodies) bytes.push_back(sdk::asBytes(body));
    REQUIRE(host.fakeBroker.publish({topic, bytes}));
}

}  // namespace nsq::stomp
