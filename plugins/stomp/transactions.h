#pragma once

#include <map>

#include "subscription.h"

namespace nsq::stomp {

struct Transaction {
    using Key = std::pair<std::string, std::chrono::milliseconds>;  ///< topic and delay
    std::map<Key, std::vector<std::string>> sends;  ///< each becomes one publish of these bodies
    std::vector<Answer> answers;
    std::size_t bytes = 0;  ///< memory, roughly
};

/// A connection's open transactions, bounded in number and in bytes together. Errors are for the client.
class Transactions {
public:
    explicit Transactions(std::size_t maxBytes) : maxBytes_(maxBytes) {}

    sdk::Result<void> begin(std::string_view name) {
        if (name.empty()) return invalid("BEGIN without the header transaction");
        if (open_.contains(name)) return invalid("transaction " + quoted(name) + " is open already");
        if (open_.size() == kMaxOpen) return invalid("too many transactions are open");
        open_.emplace(name, Transaction{});
        return {};
    }

    sdk::Result<void> send(std::string_view name, const Transaction::Key& key, std::string_view body) {
        const sdk::Result<Transaction*> found = grow(name, body.size());
        if (!found) return found.error();
        auto& sends = found.value()->sends;
        if (sends.size() == kMaxPublishes && !sends.contains(key))
            return invalid("a transaction has too many topics and delays");
        sends[key].emplace_back(body);
        return {};
    }

    sdk::Result<void> answer(std::string_view name, const Answer& answer) {
        const sdk::Result<Transaction*> found = grow(name, 0);
        if (!found) return found.error();
        if (found.value()->answers.size() == kMaxAnswers)
            return invalid("a transaction has too many answers");
        found.value()->answers.push_back(answer);
        return {};
    }

    /// Ends it.
    sdk::Result<Transaction> take(std::string_view name) {
        auto found = open_.extract(std::string{name});
        if (found.empty()) return invalid("there is no transaction " + quoted(name));
        bytes_ -= found.mapped().bytes;
        return std::move(found.mapped());
    }

private:
    static constexpr std::size_t kMaxOpen = 16;        ///< chosen, like the three below
    static constexpr std::size_t kMaxPublishes = 256;  ///< of one transaction
    static constexpr std::size_t kMaxAnswers = 1024;   ///< of one transaction: all are done in one turn
    static constexpr std::size_t kFrameBytes = 64;     ///< counted for a frame beside its body

    /// The transaction, with the memory of one more frame counted.
    sdk::Result<Transaction*> grow(std::string_view name, std::size_t bodyBytes) {
        const auto found = open_.find(name);
        if (found == open_.end()) return invalid("there is no transaction " + quoted(name));
        const std::size_t bytes = bodyBytes + kFrameBytes;
        if (bytes > maxBytes_ - bytes_) return invalid("open transactions exceed max-body-size");
        bytes_ += bytes;
        found->second.bytes += bytes;
        return &found->second;
    }

    const std::size_t maxBytes_;
    std::size_t bytes_ = 0;
    std::map<std::string, Transaction, std::less<>> open_;
};

}  // namespace nsq::stomp
