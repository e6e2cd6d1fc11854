//! A clock that stands still: templates that read the time get the order's `issued_ms`, UTC (SPEC 2.3), so that whoever
//! renders the prompt again gets the same prompt.
//!
//! llama.cpp gives templates three clocks: `date_string`, `datetime`, and the function `strftime_now(format)`. The first two
//! are variables that can be set; calls of the third are replaced by their result in the template's source.

/// A moment in UTC, split up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    year: u64,
    month: usize,
    day: u64,
    day_of_year: u64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const CALL: &str = "strftime_now(";

/// Formats `unix_ms` in UTC as C's `strftime` does in the C locale; `None` when a conversion is not among those known here.
pub fn strftime(format: &str, unix_ms: u64) -> Option<String> {
    let at = Moment::of(unix_ms);
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        text.push_str(&at.field(chars.next()?)?);
    }
    Some(text)
}

/// Whether a template calls the clock function.
pub fn reads_clock(template: &str) -> bool {
    template.contains("strftime_now")
}

/// The template with every `strftime_now("…")` replaced by its result; `None` when a call is not of that simple form.
pub fn pin(template: &str, unix_ms: u64) -> Option<String> {
    let mut pinned = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(CALL) {
        let (before, call) = rest.split_at(at);
        pinned.push_str(before);
        let argument = call.strip_prefix(CALL)?.trim_start();
        let quote = argument.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        let (format, after) = argument.get(1..)?.split_once(quote)?;
        let text = strftime(format, unix_ms)?;
        if text.contains(['"', '\\']) {
            return None;
        }
        pinned.push('"');
        pinned.push_str(&text);
        pinned.push('"');
        rest = after.trim_start().strip_prefix(')')?;
    }
    pinned.push_str(rest);
    (!pinned.replace("strftime_now is defined", "true").contains("strftime_now"))
        .then(|| pinned.replace("strftime_now is defined", "true"))
}

impl Moment {
    /// Source: the civil-from-days algorithm over the proleptic Gregorian calendar, for days since 1970-01-01.
    fn of(unix_ms: u64) -> Self {
        let seconds = unix_ms / 1000;
        let days = seconds / 86_400;
        let of_day = seconds % 86_400;
        let (mut year, mut day_of_year) = (1970, days);
        // A quarter of the loop's work would be saved by 400-year cycles; once per reply it does not matter.
        while day_of_year >= year_days(year) {
            day_of_year -= year_days(year);
            year += 1;
        }
        let (mut month, mut day) = (0, day_of_year);
        while day >= month_days(year, month) {
            day -= month_days(year, month);
            month += 1;
        }
        let weekday = usize::try_from((days + 4) % 7).unwrap_or(0);
        Self {
            year,
            month,
            day: day + 1,
            day_of_year: day_of_year + 1,
            weekday,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    fn field(&self, conversion: char) -> Option<String> {
        let twelve = if self.hour.is_multiple_of(12) { 12 } else { self.hour % 12 };
        Some(match conversion {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month + 1),
            'B' => MONTHS.get(self.month)?.to_string(),
            'b' | 'h' => MONTHS.get(self.month)?.get(..3)?.to_owned(),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'j' => format!("{:03}", self.day_of_year),
            'A' => WEEKDAYS.get(self.weekday)?.to_string(),
            'a' => WEEKDAYS.get(self.weekday)?.get(..3)?.to_owned(),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{twelve:02}"),
            'M' => format!("{:02}", self.minute),
            'S' => format!("{:02}", self.second),
            'p' => if self.hour < 12 { "AM" } else { "PM" }.to_owned(),
            'F' => format!("{}-{:02}-{:02}", self.year, self.month + 1, self.day),
            'T' => format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_days(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-29 23:59:07 UTC, a Thursday.
    const LEAP: u64 = 1_709_251_147_000;

    #[test]
    fn formats_as_c_does() {
        assert_eq!(strftime("%d %b %Y", 0).as_deref(), Some("01 Jan 1970"));
        assert_eq!(
            strftime("%A, %B %e %Y %H:%M:%S %j", LEAP).as_deref(),
            Some("Thursday, February 29 2024 23:59:07 060")
        );
        assert_eq!(strftime("%F %T %I %p %y 100%%", LEAP).as_deref(), Some("2024-02-29 23:59:07 11 PM 24 100%"));
        assert_eq!(strftime("%a %m", 951_782_400_000).as_deref(), Some("Tue 02"), "2000-02-29");
        assert_eq!(strftime("%Q", 0), None);
        assert_eq!(strftime("%", 0), None);
    }

    #[test]
    fn calls_with_a_literal_are_pinned_and_others_refused() {
        let template = "{%- set d = strftime_now( \"%d %b %Y\" ) -%}{{ strftime_now('%Y') }}";
        assert_eq!(pin(template, LEAP).as_deref(), Some("{%- set d = \"29 Feb 2024\" -%}{{ \"2024\" }}"));
        assert_eq!(
            pin("{% if strftime_now is defined %}x{% endif %}", 0).as_deref(),
            Some("{% if true %}x{% endif %}")
        );
        assert_eq!(pin("{{ strftime_now(format) }}", 0), None);
        assert_eq!(pin("{{ f(strftime_now) }}", 0), None);
        assert_eq!(pin("plain", 0).as_deref(), Some("plain"));
    }
}
