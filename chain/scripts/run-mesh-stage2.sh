#!/bin/bash
# Stage 2, quorum settle over real QUIC: one handling validator, two co-signers, no audit. See MESH.md.
source "$(dirname -- "${BASH_SOURCE[0]}")/mesh.sh"
run_stage 2
