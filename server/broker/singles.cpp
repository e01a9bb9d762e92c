#include "broker/singles.h"

#include <memory>
#include <utility>

#include "broker/consumer.h"

namespace nsq::broker {

Singles::Owned& Singles::ownedBy(Consumer& owner) {
    return owner.singles;
}

const SingleInFlight* Singles::find(std::uint64_t seq) const {
    const auto found = bySeq_.find(seq);
    return found == bySeq_.end() ? nullptr : &*found;
}

const SingleInFlight* Singles::earliest() const {
    return byDeadline_.empty() ? nullptr : &*byDeadline_.begin();
}

void Singles::add(SingleInFlight single) {
    auto node = std::make_unique<Node>(std::move(single));
    if (const auto [same, isNew] = bySeq_.insert(*node); !isNew) {
        remove(*same);
        bySeq_.insert(*node);
    }
    byDeadline_.insert(byDeadline_.end(), *node);  // deadlines mostly come in order
    if (node->owner != nullptr) ownedBy(*node->owner).nodes_.push_back(*node);
    node.release();
}

SingleInFlight Singles::remove(const SingleInFlight& single) {
    std::unique_ptr<Node> node;
    bySeq_.erase_and_dispose(bySeq_.iterator_to(static_cast<const Node&>(single)),
                             [&](Node* erased) { node.reset(erased); });
    byDeadline_.erase(byDeadline_.iterator_to(*node));
    if (node->owner != nullptr) {
        auto& owned = ownedBy(*node->owner).nodes_;
        owned.erase(owned.iterator_to(*node));
    }
    return std::move(static_cast<SingleInFlight&>(*node));
}

void Singles::disown(Consumer& owner) {
    ownedBy(owner).nodes_.clear_and_dispose([](Node* node) { node->owner = nullptr; });
}

void Singles::clear() {
    byDeadline_.clear();
    bySeq_.clear_and_dispose([](Node* node) {
        if (node->owner != nullptr) ownedBy(*node->owner).nodes_.clear();
        delete node;
    });
}

}  // namespace nsq::broker
