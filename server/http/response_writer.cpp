#include "http/response_writer.h"

#include <Poco/Net/HTTPResponse.h>
#include <fmt/format.h>

#include <ctime>
#include <iterator>
#include <string>
#include <string_view>

namespace nsq::http {

using Poco::Net::HTTPResponse;

namespace {

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

}  // namespace

void writeResponse(sdk::Output& output, const sdk::HttpResponse& response, const ResponseForm& form) {
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
    if (!form.withoutBody && !hasNoBody(response.status)) output.write(sdk::asBytes(response.body));
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
