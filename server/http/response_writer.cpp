#include "http/response_writer.h"

#include <Poco/Net/HTTPResponse.h>
#include <fmt/format.h>

#include <ctime>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace nsq::http {

using Poco::Net::HTTPResponse;

namespace {

/// From here on a body is kept as it is until it is sent (chosen, bytes): to copy it would hold up the loop.
constexpr std::size_t kLargeBody = 64 * 1024;

class LargeBody final : public sdk::SharedBuffer {
public:
    explicit LargeBody(std::string body) : body_(std::move(body)) {}
    sdk::Bytes bytes() const { return sdk::asBytes(body_); }

private:
    void destroy() noexcept override { delete this; }

    const std::string body_;
};

const std::string& reasonOf(int status) {
    return HTTPResponse::getReasonForStatus(static_cast<HTTPResponse::HTTPStatus>(status));
}

/// The Date header's value; made once a second.
std::string_view dateText() {
    thread_local std::time_t second = 0;
    thread_local char text[32] = "";
    if (const std::time_t now = std::time(nullptr); now != second) {
        second = now;
        std::tm parts{};
        gmtime_r(&now, &parts);
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    }
    return text;
}

bool hasNoBody(int status) {
    return status < 200 || status == 204 || status == 304;
}

void writeBody(sdk::Output& output, std::string body) {
    if (body.size() < kLargeBody) return output.write(sdk::asBytes(body));
    auto* const large = new LargeBody{std::move(body)};
    output.share(sdk::BufferRef{large}, large->bytes());
}

}  // namespace

void writeResponse(sdk::Output& output, sdk::HttpResponse response, const ResponseForm& form) {
    fmt::memory_buffer head;
    const auto to = std::back_inserter(head);
    fmt::format_to(to, "HTTP/1.{} {} {}\r\n", form.version - 10, response.status, reasonOf(response.status));
    if (!response.contentType.empty() && !response.body.empty()) {
        fmt::format_to(to, "Content-Type: {}\r\n", response.contentType);
    }
    for (const auto& [name, value] : response.headers) fmt::format_to(to, "{}: {}\r\n", name, value);
    fmt::format_to(to, "Date: {}\r\n", dateText());
    if (!hasNoBody(response.status)) fmt::format_to(to, "Content-Length: {}\r\n", response.body.size());
    if (!form.keepAlive) {
        fmt::format_to(to, "Connection: close\r\n");
    } else if (form.version < 11) {
        fmt::format_to(to, "Connection: keep-alive\r\n");
    }
    fmt::format_to(to, "\r\n");
    output.write(sdk::asBytes({head.data(), head.size()}));
    if (!form.withoutBody && !hasNoBody(response.status)) writeBody(output, std::move(response.body));
}

void writeContinue(sdk::Output& output) {
    output.write(sdk::asBytes("HTTP/1.1 100 Continue\r\n\r\n"));
}

sdk::HttpResponse plainResponse(int status) {
    sdk::HttpResponse response;
    response.status = status;
    response.body = fmt::format("{} {}", status, reasonOf(status));
    return response;
}

}  // namespace nsq::http
