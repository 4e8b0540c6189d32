# SPDX-License-Identifier: MIT
# Bash completion for parallax. The options come from the program's own help, so that they never differ.
_parallax() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(parallax --help | sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$cur")
        return
    fi
    case $prev in
    --virt) mapfile -t COMPREPLY < <(compgen -W "para full" -- "$cur") ;;
    --hugepages) mapfile -t COMPREPLY < <(compgen -W "off thp 2M 1G" -- "$cur") ;;
    --irqchip) mapfile -t COMPREPLY < <(compgen -W "auto split kernel" -- "$cur") ;;
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
