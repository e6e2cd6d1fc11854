#!/bin/bash
# Stage 1, registry-driven discovery: three validators find each other from the chain alone. See MESH.md.
source "$(dirname -- "${BASH_SOURCE[0]}")/mesh.sh"
run_stage 1
