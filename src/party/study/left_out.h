// Whom the other owners go on without.
//
// Once the keys are there, an owner that is away for good holds up the rows, the statistics and the data of all, though a study
// with a threshold opens its model without it. So the others may leave it out: each of them, by its operator's word, says
//
//   without    "owners", whom it goes on without, in their order; "from", the first stage that they are no part of: "rows",
//              "statistics" or "data". What they have sent of an earlier one still counts
//
// and it holds once all but those have said the very same, and are as many as open the model. An owner says it once, so no two sets
// of owners with one in common go on. Until then
//
//   the others whose word it takes send nothing that they could not go on without those from, as long as somebody is missing: who has
//   sent such a thing never says it. What is of an earlier stage all send, who have said it, too
//   it lapses where it cannot hold any more: another has sent such a thing, the server has said its model, or, from "data" on, all that
//   was missing are there
//
// Words of data alone ("from" is "data") may meet the data that they are about, and the server, which has all, on its way: its model, said
// once, is of what its transcript says.
#pragma once

#include "party/study/member.h"

namespace blindtuner::party {

inline constexpr const char* kWithout = "without";

enum class Stage { kRows, kStatistics, kData };  ///< in their order

struct LeftOut {
  std::vector<std::string> owners;
  Stage from{};
  bool operator==(const LeftOut&) const = default;
};
nlohmann::json to_json(const LeftOut& out);

/// "'a', 'b'", for messages.
std::string quoted_names(std::span<const std::string> names);

/// What this owner has said of it, if it has. Throws DataError, which names it, for what it cannot say.
std::optional<LeftOut> said_without(StudyMember& member, const std::string& owner);
/// Of all owners but these.
std::vector<std::string> others_than(const StudyDraft& draft, std::span<const std::string> out);
/// Whom the others go on without, once all of them have said so. Throws DataError where two sets of owners do.
std::optional<LeftOut> left_out(StudyMember& member);
/// Whether what an owner has said can hold no more, where it does not.
bool has_lapsed(StudyMember& member, const LeftOut& out);
/// Whether others can say the same yet: it has not lapsed, and of those whom it names somebody's data are missing.
bool may_be_said(StudyMember& member, const LeftOut& out);
/// Whether others have said what takes this owner's word, of this stage or an earlier one, which it has not given and may be said.
bool is_asked(StudyMember& member, Stage until);
/// What some have said and others have not, who are waited for: "a, b go on without c once all others have said so". Empty: nothing.
std::string leaving_words(StudyMember& member);
/// The same of words that others cannot say any more: "a would have gone on without c, and nothing waits for that any more".
std::string lapsed_words(StudyMember& member);
/// Where some have begun another session before they knew of the keys of this one, with which others have gone on: who, and what is left
/// to do. Empty: nothing of the kind is to be seen.
std::string split_words(StudyMember& member);
/// Where the server's transcript is there, and is of other data than of those who go on: what is missing to tell whether it is of all.
std::vector<Awaited> missing_to_tell_whose(StudyMember& member);
/// Whether the owners of whom something is awaited may be left out of the study yet, by words that are still to be said.
bool may_go_on_without(StudyMember& member, std::span<const Awaited> awaited);
/// The owners whose part in this stage counts, in their order: all, but for who is left out of it.
std::vector<std::string> contributors(StudyMember& member, Stage stage);

}  // namespace blindtuner::party
