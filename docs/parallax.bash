# SPDX-License-Identifier: MIT
# Bash completion for parallax. The options come from the program's own help, so that they never differ.
_parallax() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(parallax --help | sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$cur")
        return
    fi
    case ${COMP_WORDS[1]} in
    stop | pause | resume | reset | console | stat | events | balloon | qmp)
        if [[ $cur != -* ]]; then
            local names
            names=$(parallax ps --quiet 2>/dev/null)
            # Of a `qmp` the second word is a command.
            if [[ ${COMP_WORDS[1]} == qmp && $COMP_CWORD == 3 ]]; then
                names=$(parallax qmp "$prev" query-commands 2>/dev/null | sed -n 's/.*"name": "\(.*\)".*/\1/p')
            fi
            mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
            return
        fi
        ;;
    esac
    case $prev in
    -o | --output | --json | --html) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    --virt) mapfile -t COMPREPLY < <(compgen -W "para full" -- "$cur") ;;
    -w | --workload) mapfile -t COMPREPLY < <(compgen -W "all list $(parallax contrast --workload list | cut -d' ' -f1)" -- "$cur") ;;
    --modes) mapfile -t COMPREPLY < <(compgen -W "full para full,para para-apf para-clock para-eoi para-ipi para-kick para-steal para-tlb para-yield" -- "$cur") ;;
    --backing) mapfile -t COMPREPLY < <(compgen -W "4k thp 2M 1G" -- "$cur") ;;
    --hugepages) mapfile -t COMPREPLY < <(compgen -W "off thp 2M 1G" -- "$cur") ;;
    --irqchip) mapfile -t COMPREPLY < <(compgen -W "auto split kernel" -- "$cur") ;;
    --qmp) mapfile -t COMPREPLY < <(compgen -W "unix: fd: none" -- "$cur") ;;
    --net) mapfile -t COMPREPLY < <(compgen -W "user tap=" -- "$cur") ;;
    --console) mapfile -t COMPREPLY < <(compgen -W "stdio null pty file:" -- "$cur") ;;
    --serial) mapfile -t COMPREPLY < <(compgen -W "stdio null none pty file:" -- "$cur") ;;
    *)
        if [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(parallax "${COMP_WORDS[1]}" --help |
                grep -oE -- '--[a-z-]+' | sort -u)" -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        ;;
    esac
}
complete -o filenames -F _parallax parallax
