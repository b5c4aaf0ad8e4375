#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Runs as root inside a new root file system: installs the packages that it is given,
# and makes the accounts that the lab logs in with.

# Nothing may be started inside a chroot.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

if command -v apt-get > /dev/null; then
    apt-get -qq update
    apt-get -qq install --no-install-recommends -y "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
elif command -v dnf > /dev/null; then
    dnf -q -y install "$@"
else
    yum -q -y install "$@"
fi
rm -f /usr/sbin/policy-rc.d

# A test turns on the one that it is about.
for service in fail2ban firewalld netfilter-persistent nftables sshguard; do
    if command -v systemctl > /dev/null; then
        systemctl -q disable "$service" 2> /dev/null || true
    elif [ -e "/etc/init.d/$service" ]; then
        update-rc.d "$service" disable
    fi
done

for home in /root /home/ops; do
    [ "$home" = /root ] || id ops > /dev/null 2>&1 || useradd -m -d "$home" -s /bin/bash ops
    mkdir -p "$home/.ssh"
    chmod 700 "$home/.ssh"
    cp /root/lab_key.pub "$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
done
chown -R ops: /home/ops
if [ -d /etc/sudoers.d ]; then
    echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
    chmod 440 /etc/sudoers.d/ops
fi

# Every host makes its own identity at its first boot.
: > /etc/machine-id
rm -f /root/lab_key.pub /root/finish_image.sh /etc/resolv.conf
