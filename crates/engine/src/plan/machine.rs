//! What a machine has to give to models.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// Part of the RAM that is free which models may take, in percent: others use it too.
const RAM_PERCENT: u64 = 75;
/// RAM of a machine that does not tell.
const RAM_UNKNOWN: u64 = 4 << 30;

/// A device with memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Bytes that are free.
    pub free_bytes: u64,
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Bytes of RAM that models may take.
    pub ram_bytes: u64,
    /// Devices that the engine was built for, e.g. as `ogong-text-server devices` lists them.
    pub devices: Vec<Device>,
}

impl Machine {
    /// This machine's share of free RAM, no more than the process may use, with no devices.
    pub fn here() -> Self {
        let of_machine = meminfo().or_else(sysctl).unwrap_or(RAM_UNKNOWN);
        let free = cgroup_limit().map_or(of_machine, |limit| limit.min(of_machine));
        Self { ram_bytes: free / 100 * RAM_PERCENT, devices: Vec::new() }
    }

    /// Adds the devices that this engine program sees. One that cannot say so has none; why is found when it is started to serve.
    pub fn with_devices_of(mut self, program: &Path) -> Self {
        let asked =
            Command::new(program).args(["devices", "--json"]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let listed = asked.ok().filter(|output| output.status.success());
        self.devices = listed.and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default();
        self
    }
}

fn meminfo() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

fn sysctl() -> Option<u64> {
    let output = Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// What the control group leaves of its limit.
fn cgroup_limit() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_no_devices_of_no_program() {
        let machine = Machine::here();
        assert!(machine.ram_bytes > 1 << 20);
        assert_eq!(machine.with_devices_of(Path::new("/no/such/program")).devices, []);
    }

    #[test]
    fn devices_are_read_as_the_engine_lists_them() {
        let listed = br#"[{"name":"CUDA0","description":"a GPU","free_bytes":7,"total_bytes":8}]"#;
        let devices: Vec<Device> = serde_json::from_slice(listed).expect("a list");
        assert_eq!(devices, [Device { name: "CUDA0".into(), free_bytes: 7 }]);
    }
}
