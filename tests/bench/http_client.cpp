#include "bench/http_client.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace nsq::bench {

namespace {

constexpr std::string_view kEndOfHeaders = "\r\n\r\n";
constexpr std::string_view kLength = "\r\ncontent-length:";

}  // namespace

std::string HttpClient::post(std::string_view target) {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n";
}

/// Size of the answer that was received first; 0 when it is not whole yet.
std::size_t HttpClient::answerBytes() const {
    const std::size_t end = received_.find(kEndOfHeaders);
    if (end == std::string::npos) return 0;
    std::string headers = received_.substr(0, end);
    std::ranges::transform(headers, headers.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::size_t length = headers.find(kLength);
    if (length == std::string::npos) throw std::runtime_error("an answer without Content-Length: " + headers);
    const std::size_t size = end + kEndOfHeaders.size() + std::stoul(headers.substr(length + kLength.size()));
    return received_.size() >= size ? size : 0;
}

void HttpClient::expectOk() {
    std::byte buffer[65536];
    while (answerBytes() == 0) {
        const std::size_t got = socket_.receive(buffer);
        received_ += sdk::asText({buffer, got});
    }
    if (!received_.starts_with("HTTP/1.1 200 "))
        throw std::runtime_error("not 200: " + received_.substr(0, answerBytes()));
    received_.erase(0, answerBytes());
}

}  // namespace nsq::bench
