// Numbers as tables have them: decimal points and commas, thousands, negatives in brackets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace blindtuner::features {

enum class DecimalMark { kPoint, kComma };

/// What a field tells about the decimal mark of its file.
enum class MarkEvidence {
  kNone,            ///< no number, or one without marks
  kPoint,           ///< "0.13", "1,234,567", "1,234.5"
  kComma,           ///< "0,13", "1.234.567", "1.234,5"
  kPointOrNothing,  ///< "1.234": a decimal point, or thousands where commas are decimal
  kCommaOrNothing,  ///< "1,234": a decimal comma, or thousands where points are decimal
};
MarkEvidence mark_evidence(std::string_view field);

/// A decimal number, with blanks around it, an exponent, a sign ("+", "-", U+2212) or brackets that
/// make it negative, and digits in groups of three by the other mark, a blank (also U+00A0, U+202F) or
/// an apostrophe. Too small a number is 0; too large a one, and "inf", are infinite; "nan" is none.
std::optional<double> table_number(std::string_view field, DecimalMark mark);

/// A whole number below 2^53 in its shortest form, whatever marks it is written with; none for others.
std::optional<std::string> whole_number_text(std::string_view field, DecimalMark mark);

/// A number, or digits with a sign, a unit of up to three letters or other marks that table_number()
/// does not read: "10%", "$5", "1_000", "0x1f", "5 kg", a dash for a minus, digits of other scripts.
bool like_a_number(std::string_view field);

/// What a field has behind the number that it begins with: "mg", "%", "beats/min", "/" of "120/80", or
/// before it: "$". Empty where there is no number, or it is one of a range ("10-20", "50+").
std::string_view unit_of(std::string_view field);

/// What stands for no value in a column of numbers: nothing, "NA", "n/a", "NaN", "null", "None", "?",
/// "-", "--", "."; and in a column of labels, where "None" and "." can be names.
bool is_missing_number(std::string_view field);
bool is_missing_label(std::string_view field);

/// "True" is 1 and "False" 0, whatever the capitals; none for others.
std::optional<double> truth_value(std::string_view field);

/// "+", "++", "+/-": beside names that are all such, "-" is one of them and not missing.
bool is_sign_name(std::string_view field);

/// Without blanks, tabs and carriage returns around it.
std::string_view without_blanks(std::string_view text);

}  // namespace blindtuner::features
