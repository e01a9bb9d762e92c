#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/http.h"

namespace nsq::http {

/// What a request's head says, beside what goes into the sdk::HttpRequest.
struct RequestHead {
    std::string target;           ///< as it stands in the request line
    int version = 11;             ///< 10 or 11: HTTP/1.0 or 1.1
    bool keepAlive = false;       ///< the client wants to go on with this connection
    bool expectContinue = false;  ///< the client waits for a 100 before it sends the body
    bool chunked = false;         ///< the body comes in chunks, its size is not known
    std::uint64_t contentLength = 0;

    bool hasBody() const { return chunked || contentLength > 0; }
};

/// Finds the end of a request's head in the bytes of a connection, without looking at any byte twice. Refuses
/// what parsers disagree about: bare line feeds, and lines that continue the line before (obs-fold).
class HeadScanner {
public:
    enum class Verdict { kNeedMore, kWhole, kBad };

    /// `data` begins with what it began with in the last call since reset().
    Verdict scan(sdk::Bytes data);

    /// Bytes of the head with its empty line; valid after kWhole.
    std::size_t size() const { return lineStart_; }

    void reset() { *this = {}; }

private:
    std::size_t lineStart_ = 0;  ///< where the current line begins
    std::size_t seen_ = 0;       ///< no line feed stands in [lineStart_, seen_)
};

/// One request: its head in one piece, then its body in any pieces. Boost.Beast parses; what is ambiguous or
/// smells of request smuggling is refused beyond what Beast refuses. THREAD: one at a time.
class RequestParser final : private boost::beast::http::basic_parser<true> {
public:
    /// Fills in method, headers and body of `request`, which outlives the parser.
    explicit RequestParser(sdk::HttpRequest& request);

    /// Takes a head as HeadScanner found it. Returns 0, or the status to refuse the request with.
    int putHead(sdk::Bytes head);

    const RequestHead& head() const { return head_; }

    /// The body may have so many bytes. To be called between head and body.
    void limitBody(std::uint64_t bytes) { body_limit(bytes); }

    /// Takes bytes of the body. Returns how many are used up; the rest must come again with more behind it.
    std::size_t putBody(sdk::Bytes data);

    /// The whole request is there.
    bool done() const { return is_done(); }

    /// 0, or the status to refuse the request with: 400, or 413 when the body is larger than its limit.
    int failure() const { return failure_; }

private:
    using ErrorCode = boost::beast::error_code;
    using StringView = boost::beast::string_view;

    void on_request_impl(boost::beast::http::verb verb, StringView method, StringView target, int version,
                         ErrorCode& error) override;
    void on_response_impl(int, StringView, int, ErrorCode&) override {}
    void on_field_impl(boost::beast::http::field field, StringView name, StringView value,
                       ErrorCode& error) override;
    void on_header_impl(ErrorCode& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode& error) override;
    std::size_t on_body_impl(StringView body, ErrorCode& error) override;
    void on_chunk_header_impl(std::uint64_t, StringView, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, StringView body, ErrorCode& error) override;
    void on_finish_impl(ErrorCode&) override {}

    void refuse(int status, ErrorCode& error);
    void onContentLength(StringView value, ErrorCode& error);
    void onTransferEncoding(StringView value, ErrorCode& error);

    sdk::HttpRequest& request_;
    RequestHead head_;
    bool inTrailer_ = false;
    bool haveLength_ = false;
    bool haveHost_ = false;
    int failure_ = 0;
};

}  // namespace nsq::http
