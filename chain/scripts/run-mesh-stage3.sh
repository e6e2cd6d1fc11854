#!/bin/bash
# Stage 3, audit-gated settle with a real engine: only an Accept settles. See MESH.md.
source "$(dirname -- "${BASH_SOURCE[0]}")/mesh.sh"
run_stage 3
