#include "testing/topic_tree.h"

#include <algorithm>

namespace axonpush::inline v0::testing {

namespace {

// Cuts the first level off; false when that was the last.
bool next_level(std::string_view& rest, std::string_view& level) {
  const std::size_t slash = rest.find('/');
  level = rest.substr(0, slash);
  if (slash == std::string_view::npos) return false;
  rest.remove_prefix(slash + 1);
  return true;
}

void append(std::vector<Subscriber>& into, const std::vector<Subscriber>& from) {
  into.insert(into.end(), from.begin(), from.end());
}

}  // namespace

std::vector<Subscriber>& TopicTree::list_of(std::string_view topic_filter) {
  Node* node = &root_;
  std::string_view level;
  for (bool more = true; more;) {
    more = next_level(topic_filter, level);
    if (level == "#") return node->below;
    auto& child = node->children[std::string(level)];
    if (child == nullptr) child = std::make_unique<Node>();
    node = child.get();
  }
  return node->here;
}

void TopicTree::add(std::string_view topic_filter, const Subscriber& subscriber) {
  list_of(topic_filter).push_back(subscriber);
}

void TopicTree::replace(std::string_view topic_filter, const Subscriber& subscriber) {
  for (Subscriber& known : list_of(topic_filter)) {
    if (known.session == subscriber.session) known = subscriber;
  }
}

void TopicTree::remove(std::string_view topic_filter, const Session& session) {
  Node* path[kLevelsMax + 1] = {&root_};
  std::string_view levels[kLevelsMax + 1];
  std::size_t depth = 0;
  std::vector<Subscriber>* list = nullptr;
  std::string_view level;
  for (bool more = true; more && list == nullptr;) {
    more = next_level(topic_filter, level);
    if (level == "#") {
      list = &path[depth]->below;
      break;
    }
    const auto child = path[depth]->children.find(level);
    if (child == path[depth]->children.end() || depth == kLevelsMax) return;
    levels[++depth] = level;
    path[depth] = child->second.get();
  }
  if (list == nullptr) list = &path[depth]->here;
  std::erase_if(*list, [&](const Subscriber& known) { return known.session == &session; });
  for (; depth != 0 && path[depth]->empty(); --depth) {
    path[depth - 1]->children.erase(path[depth - 1]->children.find(levels[depth]));
  }
}

void TopicTree::match(std::string_view topic, std::vector<Subscriber>& into) {
  front_.assign(1, &root_);
  std::string_view level;
  for (bool more = true; more;) {
    more = next_level(topic, level);
    next_.clear();
    for (Node* node : front_) {
      append(into, node->below);
      for (const std::string_view key : {level, std::string_view("+")}) {
        const auto child = node->children.find(key);
        if (child != node->children.end()) next_.push_back(child->second.get());
      }
    }
    std::swap(front_, next_);
  }
  for (const Node* node : front_) {
    append(into, node->here);
    append(into, node->below);
  }
}

}  // namespace axonpush::inline v0::testing
