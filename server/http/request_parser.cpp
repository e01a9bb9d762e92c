#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <cstring>

namespace nsq::http {

namespace beast = boost::beast;
using beast::http::error;
using beast::http::field;

namespace {

/// A body announced by its length is given so much memory at once (chosen): more only as it comes.
constexpr std::uint64_t kMaxReserve = 1024 * 1024;

std::string lowerCase(beast::string_view text) {
    std::string lower(text.size(), '\0');
    std::ranges::transform(text, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    return lower;
}

}  // namespace

HeadScanner::Verdict HeadScanner::scan(sdk::Bytes data) {
    const char* text = reinterpret_cast<const char*>(data.data());
    while (seen_ < data.size()) {
        const void* found = std::memchr(text + seen_, '\n', data.size() - seen_);
        if (found == nullptr) {
            seen_ = data.size();
            break;
        }
        const auto feed = static_cast<std::size_t>(static_cast<const char*>(found) - text);
        if (feed == lineStart_ || text[feed - 1] != '\r') return Verdict::kBad;
        const bool folded = text[lineStart_] == ' ' || text[lineStart_] == '\t';
        if (folded) return Verdict::kBad;
        const bool empty = feed == lineStart_ + 1;
        lineStart_ = seen_ = feed + 1;
        if (empty) return Verdict::kWhole;
    }
    return Verdict::kNeedMore;
}

RequestParser::RequestParser(sdk::HttpRequest& request) : request_(request) {
    eager(true);
    body_limit(boost::none);
}

int RequestParser::putHead(sdk::Bytes head) {
    header_limit(static_cast<std::uint32_t>(head.size()));
    ErrorCode error;
    const std::size_t used = put({head.data(), head.size()}, error);
    if (!failure_ && (error || used != head.size())) {
        failure_ = error == error::bad_version ? 505 : 400;
    }
    return failure_;
}

std::size_t RequestParser::putBody(sdk::Bytes data) {
    ErrorCode error;
    const std::size_t used = put({data.data(), data.size()}, error);
    if (error && error != error::need_more && !failure_) failure_ = error == error::body_limit ? 413 : 400;
    return used;
}

void RequestParser::refuse(int status, ErrorCode& error) {
    failure_ = status;
    error = error::bad_value;
}

void RequestParser::on_request_impl(beast::http::verb, StringView method, StringView target, int version,
                                    ErrorCode&) {
    request_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.version = version;
}

void RequestParser::on_field_impl(field field, StringView name, StringView value, ErrorCode& error) {
    if (inTrailer_) return;
    switch (field) {
        case field::host:
            if (std::exchange(haveHost_, true)) return refuse(400, error);
            break;
        case field::content_length:
            onContentLength(value, error);
            break;
        case field::transfer_encoding:
            onTransferEncoding(value, error);
            break;
        case field::expect:
            if (!beast::iequals(value, "100-continue")) return refuse(417, error);
            head_.expectContinue = true;
            break;
        default:
            break;
    }
    request_.headers.emplace_back(lowerCase(name), std::string{value.data(), value.size()});
}

void RequestParser::onContentLength(StringView value, ErrorCode& error) {
    // Beast takes equal lengths for one, as a list or in several headers.
    const auto parsed = std::from_chars(value.begin(), value.end(), head_.contentLength);
    const bool good = parsed.ec == std::errc{} && parsed.ptr == value.end();
    if (!good || std::exchange(haveLength_, true) || head_.chunked) refuse(400, error);
}

void RequestParser::onTransferEncoding(StringView value, ErrorCode& error) {
    if (haveLength_ || head_.chunked || head_.version < 11) return refuse(400, error);
    if (!beast::iequals(value, "chunked")) return refuse(501, error);
    head_.chunked = true;
}

void RequestParser::on_header_impl(ErrorCode& error) {
    inTrailer_ = true;
    head_.keepAlive = keep_alive();
    head_.expectContinue = head_.expectContinue && head_.version >= 11;
    if (head_.version >= 11 && !haveHost_) refuse(400, error);
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) {
    if (length) request_.body.reserve(std::min<std::uint64_t>(*length, kMaxReserve));
}

std::size_t RequestParser::on_body_impl(StringView body, ErrorCode&) {
    request_.body.append(body.data(), body.size());
    return body.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, StringView body, ErrorCode&) {
    request_.body.append(body.data(), body.size());
    return body.size();
}

}  // namespace nsq::http
