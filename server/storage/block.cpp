#include "storage/block.h"

#include <new>

namespace nsq::storage {

Block* Block::create(std::size_t capacity, const MemoryAccount& account) {
    void* memory = ::operator new(sizeof(Block) + capacity);
    return new (memory) Block(capacity, account);
}

Block::Block(std::size_t capacity, const MemoryAccount& account) : capacity_(capacity), account_(account) {
    account_->fetch_add(static_cast<std::int64_t>(sizeof(Block) + capacity_), std::memory_order_relaxed);
}

void Block::destroy() noexcept {
    account_->fetch_sub(static_cast<std::int64_t>(sizeof(Block) + capacity_), std::memory_order_relaxed);
    this->~Block();
    ::operator delete(this);
}

}  // namespace nsq::storage
